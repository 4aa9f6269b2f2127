"""The options of an enqueue."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from pqkit.jobs.spec import IfFailed, UniqueWhile
from pqkit.queue.job import Job


class Options(TypedDict, total=False):
    """What an enqueue may say beside task and arguments; what it does not say, the task's declaration does.

    ``delay`` and ``timeout`` are seconds, ``backoff`` the seconds before each retry; a lower ``priority`` goes first.
    ``limit_key``: of the jobs with the same one, the queue runs no more at once than its ``key_concurrency``; it takes
    the place of the one that the task declares.

    ``unique_while``: a job has its ``unique_key`` until it has ended (``unfinished``), until a worker takes it
    (``waiting``), or until it is deleted or pruned (``kept``). ``replace``: a waiting job with the key gets the
    arguments and the priority of this call. ``debounce``: so does it, and it is due so many seconds after
    the last such call. ``actor``: the name under which such a change of a job is put on record, once for each job.

    ``depends_on``: jobs (or their ids) that must have ended first. Where one has not completed, ``if_failed`` says
    whether to ``hold`` on until it is resubmitted and completes, to ``continue``, or to ``cancel``.
    """

    queue: str | None
    priority: int
    run_at: datetime | None
    delay: float | None
    unique_key: str | None
    max_retries: int | None
    backoff: Sequence[float] | None
    timeout: float | None
    limit_key: str | None
    unique_while: UniqueWhile
    replace: bool
    debounce: float | None
    depends_on: Sequence[int | Job]
    if_failed: IfFailed
    actor: str | None
