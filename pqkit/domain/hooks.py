"""Hooks: a user's functions, declared beside the tasks, called after a job's end is on disk.

Every end is delivered at least once, whether a worker, maintenance, REST or an operator wrote it. The pending call is
stored in the same transaction as the end; if the process dies before the call, another process makes it. A call may
therefore come twice: deduplicate by job id, attempt and state. Each end is delivered in one process that imports a hook
for its state: the worker that ran the job, else a process that imports the task, else, after ten seconds, any. A call
that finds no such process for a week is dropped.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from pqkit.domain.states import JobState


class Ended(NamedTuple):
    """An attempt that has ended, as a hook receives it.

    ``state`` is the job's new state, ``error`` is one line (None without an error), ``ended_at`` is in microseconds
    UTC.
    """

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
    """Call ``hook`` when a job completes. It costs one call per job, in a separate thread."""
    return _on(JobState.COMPLETED, hook)


def on_retrying(hook: H) -> H:
    """Call ``hook`` when an attempt failed and a retry is set."""
    return _on(JobState.RETRYING, hook)


def on_failed(hook: H) -> H:
    """Call ``hook`` when the handler said that a retry is useless."""
    return _on(JobState.FAILED, hook)


def on_unprocessable(hook: H) -> H:
    """Call ``hook`` when retries are used up or the job killed its workers: a person must look."""
    return _on(JobState.UNPROCESSABLE, hook)


def on_canceled(hook: H) -> H:
    """Call ``hook`` when a job is canceled while it runs, or cancels itself."""
    return _on(JobState.CANCELED, hook)
