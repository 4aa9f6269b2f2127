"""The queue's public interface: a facade over jobs, leases, maintenance and operations.

Entry points: ``get_queue`` (``factory``: the one place where a database is chosen), ``Queue`` (``queue``: enqueue, ask
about a job, and get the verbs of workers and operators), ``Job``, and ``Options`` (the options of an enqueue).

There is no logic here: ``jobs`` writes enqueued jobs, ``leasing`` the workers' changes, ``maintenance`` and
``operations`` the rest. ``traced_queue`` is the same queue with spans, loaded only if traces are on.

Who may import it: users, and every package above it: workers, consoles, the command line, REST, notebooks, the lab.

Start reading: ``queue``, then ``pqkit.jobs.insert``.
"""

from pqkit.jobs.batch import Batch
from pqkit.leasing.finished_attempt import Finished
from pqkit.leasing.worker_leases import Leases
from pqkit.maintenance.facade import Upkeep
from pqkit.operations.operator import Done, Operator
from pqkit.operations.redrives import Redrives
from pqkit.operations.schedules import Schedules
from pqkit.queue.factory import get_queue, stand_in
from pqkit.queue.job import Job
from pqkit.queue.options import Options
from pqkit.queue.queue import Queue

__all__ = [
    "Batch",
    "Done",
    "Finished",
    "Job",
    "Leases",
    "Operator",
    "Options",
    "Queue",
    "Redrives",
    "Schedules",
    "Upkeep",
    "get_queue",
    "stand_in",
]
