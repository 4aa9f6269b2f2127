"""A job as its producer holds it: an id, and ways to ask and to wait."""

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
    """The part of a queue that a job asks."""

    def state(self, job_id: int) -> JobState: ...

    def ending(self, job_id: int) -> tuple[JobState, str | None, str | None] | None: ...

    def listen(self) -> AbstractContextManager[Callable[[float], None]]: ...

    def operator(self, who: str | None = None) -> Operator: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One enqueued call. ``existing`` is True where its unique key was taken and this is the job that has it."""

    id: int
    queue: JobQueue
    existing: bool = False

    @property
    def state(self) -> JobState:
        """The job's state now. Raises NotFound when it has been deleted."""
        return self.queue.state(self.id)

    def result(self, timeout: float | None = None) -> Any:
        """Wait until the job has ended and return what its handler returned.

        Raises JobFailed when it ended otherwise, TimeoutError after ``timeout`` seconds, NotFound when it is deleted,
        KeyMissing where it is encrypted and this process has not its key.
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
        """Call the job off; a running one is asked to stop. False when there was nothing to call off any more."""
        return bool(self.queue.operator().cancel([self.id], reason=reason).changed)

    def resubmit(self, reason: str | None = None) -> bool:
        """Run the job again with a fresh budget of retries; False in a state that does not allow it."""
        return bool(self.queue.operator().resubmit([self.id], reason=reason).changed)
