"""What a worker calls after a job's end is on disk: functions of the user's own, declared beside the tasks.

A hook is told once, by the worker that wrote the end; not at all where that worker dies between the two. Whoever must
miss nothing reads ``pqkit watch`` from a cursor on, where operators' actions are as well.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from pqkit.states import JobState


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
