"""A task module without tasks that builds in the fault that the lab asked for.

It is named last in a worker's tasks.
"""

import os

from pqkit.lab.harness import faults

if "PQKIT_LAB_FAULT" in os.environ:
    faults.build_in(os.environ["PQKIT_LAB_FAULT"])
