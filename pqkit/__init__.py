"""pqkit: a persistent job queue in a file, and the kit to operate it."""

from pqkit.compatibility import find_moved_modules
from pqkit.db.table_guard import guard_own_tables
from pqkit.domain.context import Context
from pqkit.domain.outcomes import Cancel, Fail, Retry, Snooze
from pqkit.domain.states import JobState
from pqkit.domain.tasks import Task, set_default_queue, task
from pqkit.errors import JobFailed, NotFound, PqkitError
from pqkit.queue import Job, Queue, get_queue
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
find_moved_modules()
