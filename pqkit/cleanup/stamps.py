"""The stamp of a file that a job wrote, and the names that connect files with jobs."""

import re

STAMP = re.compile(rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) job=(?P<job>\d+)\r?\n")
STAMP_TASK = "stamp_file"
"""The task whose argument ``name`` is the file that it stamps."""
PART_SUFFIX = ".part"
"""Of a file that its producer has not finished."""
