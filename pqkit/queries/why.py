"""Explains why a job is not running, with the claim's own conditions.

Sharing the conditions keeps the two from drifting apart.
"""

from typing import NamedTuple

from sqlalchemy import Connection, Row, func, literal, select, tuple_

from pqkit.db import Database
from pqkit.domain.durations import SECOND, duration
from pqkit.domain.states import JobState
from pqkit.queries.dependencies import WaitView, waits
from pqkit.queries.job_views import JobView, is_encrypted, job
from pqkit.queries.limit_status import key_of, limits
from pqkit.queries.overview import queues, workers
from pqkit.redaction.redact import redact
from pqkit.sql.definitions.claim import allowed, paused, served
from pqkit.sql.definitions.tables import JOB, READY, WORKER

MOST_AHEAD = 100_000


class _Taker(NamedTuple):
    """A living worker, and the results of the claim's conditions for it and this job."""

    name: str
    queues: list[str]
    knows: bool
    may: bool


def why(database: Database, job_id: int) -> str:
    """Say in one line why the job waits, which worker runs it, or how it ended.

    Raises NotFound.
    """
    view = job(database, job_id).job
    now = database.now()
    match view.state:
        case JobState.PENDING:
            return _why_pending(database, view, now)
        case JobState.SCHEDULED:
            told, waiting = f" ({view.error})" if view.error else "", waits(database, job_id)
            return f"it is not due yet{told}: {_due(view, now)}" if waiting is None else _why_waiting(waiting)
        case JobState.RETRYING:
            return f"attempt {view.attempt} failed ({view.error}); the next is set: {_due(view, now)}"
        case JobState.PROCESSING:
            asked = ", and is asked to stop" if view.cancel_requested_at else ""
            return (
                f"it is running: {view.worker or 'a worker that is gone'} has it {_since(view.claimed_at, now)}{asked}"
            )
        case _:
            return f"it has ended: {view.state} {_since(view.finished_at, now)}" + (
                f" ({view.error})" if view.error else ""
            )


def _why_waiting(waiting: WaitView) -> str:
    if waiting.blocker is None:
        what = "what it waits for" if waiting.batch is None else f"its batch {waiting.batch}"
        return f"{what} has ended; maintenance, which any worker does, releases it"
    blocker, state = waiting.blocker
    if state is not None and not state.final:
        others = f", and for {waiting.unfinished - 1} more" if waiting.unfinished > 1 else ""
        return f"it waits for job {blocker}, which is {state}{others}"
    way_out = "" if state is None else f"resubmit job {blocker}, or "
    held = "is deleted" if state is None else f"is {state}"
    return f"it is held, for job {blocker}, which it waits for, {held}: {way_out}resubmit this job to run it without"


def _why_pending(database: Database, view: JobView, now: int) -> str:
    with database.look() as connection:
        is_paused, suspect = connection.execute(
            select(paused(READY.c.queue, literal(now)), READY.c.suspect).where(READY.c.job_id == view.id)
        ).one()
        ahead = _ahead(connection, view)
        takers = _takers(connection, database, view)
    if is_paused:
        return _pause_in_words(database, view.queue, now)
    nobody = _nobody(view, takers)
    if nobody:
        return nobody
    limited = _limited(database, view, now)
    if limited:
        return limited
    if suspect:
        return "it was running when a worker died: it waits for a worker with nothing else to do, to run alone"
    if ahead:
        return f"{ahead}{'+' if ahead == MOST_AHEAD else ''} jobs of its queue are ahead of it"
    return "it is the next of its queue: it waits for a free slot"


def _takers(connection: Connection, database: Database, view: JobView) -> list[_Taker]:
    living = {worker.id: worker for worker in workers(database) if not worker.stopping}
    asked = (
        select(WORKER.c.id, served(WORKER.c.id), allowed(WORKER.c.name))
        .select_from(READY.join(JOB, JOB.c.id == READY.c.job_id).join(WORKER, WORKER.c.ended_at.is_(None)))
        .where(READY.c.job_id == view.id)
    )
    rows: list[Row[int, bool, bool]] = list(connection.execute(asked))
    return [_Taker(living[i].name, living[i].queues, knows, may) for i, knows, may in rows if i in living]


def _nobody(view: JobView, takers: list[_Taker]) -> str | None:
    """Return the first condition that no living worker meets."""
    if not takers:
        return "no worker is running"
    if not any(taker.may for taker in takers):
        return f"it is assigned to {view.assigned_to}, and no worker of that name is running"
    if not any(taker.knows for taker in takers):
        with_key = ", or none has the key of what it is encrypted with" if is_encrypted(view) else ""
        return f"no running worker knows the task {view.task}{with_key}"
    if not any(taker.knows and taker.may and (not taker.queues or view.queue in taker.queues) for taker in takers):
        return f"no running worker that may take it serves the queue {view.queue}"
    return None


def _limited(database: Database, view: JobView, now: int) -> str | None:
    """Describe the queue's limit that is reached, if any."""
    found = limits(database, view.queue)
    if found is None:
        return None
    settings, held = found.settings, found.held
    if settings.concurrency is not None and len(held) >= settings.concurrency:
        longest = f"job {held[0].job_id} has run longest, {_since(held[0].claimed_at, now)}"
        return f"its queue runs {settings.concurrency} jobs at once, and so many run: {longest}"
    key = key_of(database, view.id)
    of_key = found.of_key(key)
    if settings.key_concurrency is not None and len(of_key) >= settings.key_concurrency:
        holder = f"job {of_key[0].job_id} does, {_since(of_key[0].claimed_at, now)}"
        return f"of the jobs with its key {redact(str(key))}, {settings.key_concurrency} may run at once, and {holder}"
    if found.next_at is not None:
        rate = f"{settings.rate} jobs in {settings.rate_per or 1:g} s"
        return f"its queue starts {rate}: the next may start in {(found.next_at - now) / SECOND:.1f} s"
    return None


def _ahead(connection: Connection, view: JobView) -> int:
    before = (
        select(READY.c.job_id)
        .where(READY.c.queue == view.queue, tuple_(READY.c.priority, READY.c.job_id) < (view.priority, view.id))
        .limit(MOST_AHEAD)
    )
    return connection.execute(select(func.count()).select_from(before.subquery())).scalar_one()


def _pause_in_words(database: Database, name: str, now: int) -> str:
    queue = next(queue for queue in queues(database) if queue.name == name)
    until = f", for {duration((queue.paused_until - now) / SECOND)} more" if queue.paused_until else ""
    reason = f": {queue.pause_reason}" if queue.pause_reason else ""
    return f"its queue {name} is paused by {queue.paused_by} {_since(queue.paused_at, now)}{until}{reason}"


def _due(view: JobView, now: int) -> str:
    left = (view.due_at or now) - now
    return (
        f"due in {duration(left / SECOND)}"
        if left > 0
        else f"due for {duration(-left / SECOND)}; maintenance, which any worker does, stages it"
    )


def _since(moment: int | None, now: int) -> str:
    return "since a moment ago" if moment is None else f"for {duration((now - moment) / SECOND)}"
