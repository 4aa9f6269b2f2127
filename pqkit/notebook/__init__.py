"""Notebook runs: executing notebooks with ``pqkit run`` or as jobs, and keeping the results.

A worker whose ``tasks`` name this module knows the tasks ``notebook`` and ``incident``; ``notebook_task`` makes a task
of one notebook.
Importing it loads none of the libraries that run notebooks (the extra ``notebooks``).
"""

from pqkit.notebook.notebook_tasks import incident, notebook, notebook_task
from pqkit.notebook.recorded_values import record

__all__ = ["incident", "notebook", "notebook_task", "record"]
