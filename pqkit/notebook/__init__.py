"""Notebooks that are run, judged and kept: by ``pqkit run``, and as jobs.

A worker whose ``tasks`` name this module knows the task ``notebook``; ``notebook_task`` makes a task of one notebook.
Importing it loads none of the libraries that run notebooks (the extra ``notebooks``).
"""

from pqkit.notebook.job import notebook, notebook_task
from pqkit.notebook.record import record

__all__ = ["notebook", "notebook_task", "record"]
