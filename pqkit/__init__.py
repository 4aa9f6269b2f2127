"""pqkit: a persistent job queue in a file, and the kit to operate it."""

from pqkit.context import Context
from pqkit.db.own_tables import guard_own_tables
from pqkit.errors import JobFailed, NotFound, PqkitError
from pqkit.outcome import Cancel, Fail, Retry, Snooze
from pqkit.queue import Job, Queue, get_queue
from pqkit.states import JobState
from pqkit.tasks import Task, set_default_queue, task
from pqkit.version import VERSION

__all__ = [
    "Cancel",
    "Context",
    "Fail",
    "Job",
    "JobFailed",
    "JobState",
    "NotFound",
    "PqkitError",
    "Queue",
    "Retry",
    "Snooze",
    "Task",
    "__version__",
    "get_queue",
    "task",
]

__version__ = VERSION

set_default_queue(get_queue)
guard_own_tables()
