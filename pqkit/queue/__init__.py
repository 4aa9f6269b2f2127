"""All writes to a queue, as verbs: for producers here, for workers, maintenance and operators in the files beside."""

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
