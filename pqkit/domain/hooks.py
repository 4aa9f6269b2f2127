"""What is called after a job's end is on disk: functions of the user's own, declared beside the tasks.

Every end is told at least once, wherever it was written: by a worker, by maintenance, over REST, by an operator. The
call that is to be made stands in the database with the end itself, so that an end whose process dies before the call is
told by another. So a call may come twice: the job's id, its attempt and the state tell whether it did. Each end is told
in one process, of those that import a hook for its state: in the worker that ran the job, or else in one that imports
the task, or after ten seconds in any. What finds no such process for a week is dropped.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from pqkit.domain.states import JobState


class Ended(NamedTuple):
    """An attempt that has ended: the state that its job is in now, the error in one line (None where there was none),
    and when, in microseconds UTC."""

    job_id: int
    task: str
    queue: str
    attempt: int
    state: JobState
    error: str | None
    ended_at: int


Hook = Callable[[Ended], object]
H = TypeVar("H", bound=Hook)
registry: dict[JobState, list[Hook]] = {}


def _on(state: JobState, hook: H) -> H:
    registry.setdefault(state, []).append(hook)
    return hook


def on_completed(hook: H) -> H:
    """The job is done. For each job this costs a call, in a thread beside the worker's own."""
    return _on(JobState.COMPLETED, hook)


def on_retrying(hook: H) -> H:
    """An attempt failed, and another is set."""
    return _on(JobState.RETRYING, hook)


def on_failed(hook: H) -> H:
    """The handler said that a retry is useless."""
    return _on(JobState.FAILED, hook)


def on_unprocessable(hook: H) -> H:
    """Retries are used up, or the job killed its workers: a person must look."""
    return _on(JobState.UNPROCESSABLE, hook)


def on_canceled(hook: H) -> H:
    """The job was called off while it ran, or by itself."""
    return _on(JobState.CANCELED, hook)
