"""The options of an enqueue."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from pqkit.jobs.spec import IfFailed, UniqueWhile
from pqkit.queue.job import Job


class Options(TypedDict, total=False):
    """The options of an enqueue; the task's declaration fills the others.

    ``delay`` and ``timeout`` are seconds, ``backoff`` the seconds before each retry; a lower ``priority`` goes first.
    ``limit_key``: the queue runs at most ``key_concurrency`` jobs with the same key at once; it replaces the task's own
    key.

    ``unique_while``: a job holds its ``unique_key`` until it has ended (``unfinished``), until a worker claims it
    (``waiting``), or until it is deleted or pruned (``kept``). ``replace``: a waiting job with the key gets this call's
    arguments and priority. ``debounce``: the same, and the job is due that many seconds after the last such call.
    ``actor``: the name on record for such a change, once for each job.

    ``depends_on``: jobs (or their ids) that must end first. If one does not complete, ``if_failed`` decides: ``hold``
    waits until it is resubmitted and completes, ``continue`` runs the job, ``cancel`` cancels it.
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
