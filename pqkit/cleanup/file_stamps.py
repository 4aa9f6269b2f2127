"""The stamp that a job writes into a file, and the names that connect files with jobs."""

import re

STAMP = re.compile(rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) job=(?P<job>\d+)\r?\n")
STAMP_TASK = "stamp_file"
"""The task that stamps the file in its argument ``name``."""
PART_SUFFIX = ".part"
"""Suffix of a file that its producer has not finished."""
