"""A module of tasks without tasks: named last in a worker's tasks, it builds in the fault that the lab asked for."""

import os

from pqkit.lab.harness import faults

if "PQKIT_LAB_FAULT" in os.environ:
    faults.build_in(os.environ["PQKIT_LAB_FAULT"])
