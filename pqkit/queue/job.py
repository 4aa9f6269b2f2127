"""A producer's handle to a job: its id, and calls to query it and wait for it."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from pqkit.domain.payload import decode
from pqkit.domain.states import JobState
from pqkit.errors import JobFailed
from pqkit.operations.operator import Operator
from pqkit.security import encryption


class JobQueue(Protocol):
    """The part of a queue that a job calls."""

    def state(self, job_id: int) -> JobState: ...

    def ending(self, job_id: int) -> tuple[JobState, str | None, str | None] | None: ...

    def listen(self) -> AbstractContextManager[Callable[[float], None]]: ...

    def operator(self, who: str | None = None) -> Operator: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One enqueued call. ``existing``: its unique key was taken; this is the job that has it."""

    id: int
    queue: JobQueue
    existing: bool = False

    @property
    def state(self) -> JobState:
        """The job's state now. Raises NotFound if it has been deleted."""
        return self.queue.state(self.id)

    def result(self, timeout: float | None = None) -> Any:
        """Wait until the job has ended and return its handler's result.

        Raises JobFailed if it ended otherwise, TimeoutError after ``timeout`` seconds, NotFound if it was deleted,
        KeyMissing if it is encrypted and this process lacks its key.
        """
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        with self.queue.listen() as wake:
            while (ended := self.queue.ending(self.id)) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"job {self.id} is {self.state} after {timeout:g} s")
                wake(min(left, 0.5))
        state, result, error = ended
        if state is not JobState.COMPLETED:
            raise JobFailed(self.id, state, error)
        return decode(result and encryption.reveal(result))

    def cancel(self, reason: str | None = None) -> bool:
        """Cancel the job, or ask a running one to stop. False if there was nothing left to cancel."""
        return bool(self.queue.operator().cancel([self.id], reason=reason).changed)

    def resubmit(self, reason: str | None = None) -> bool:
        """Run the job again with a fresh retry budget; False if its state does not allow it."""
        return bool(self.queue.operator().resubmit([self.id], reason=reason).changed)
