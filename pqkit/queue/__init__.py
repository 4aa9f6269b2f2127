"""All writes to a queue, as verbs: for producers here, for workers, maintenance and operators in the files beside."""

from pqkit.queue.batch import Batch
from pqkit.queue.factory import get_queue, stand_in
from pqkit.queue.finished import Finished
from pqkit.queue.job import Job
from pqkit.queue.leases import Leases
from pqkit.queue.operate import Done, Operator
from pqkit.queue.options import Options
from pqkit.queue.queue import Queue
from pqkit.queue.redrive import Redrives
from pqkit.queue.schedules import Schedules
from pqkit.queue.upkeep import Upkeep

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
