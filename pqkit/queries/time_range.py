"""Records of a time span: ended runs, worker lives, refusals, actions, enqueue times."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Executable, and_, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from pqkit.db import Database
from pqkit.redaction.redact import redact, redacted
from pqkit.security import encryption
from pqkit.sql.definitions.tables import ACTION, ATTEMPT, JOB, REFUSAL, WORKER


class RunView(NamedTuple):
    """A run that has ended.

    ``due_at`` is when it could have begun: when its job was queued, or, for a later attempt, the time set for it.
    ``outcome`` is the word of its history, ``error`` the traceback or None.

    The first due time of a job that was queued for later is not on record.
    """

    job: int
    task: str
    queue: str
    priority: int
    attempt: int
    worker: str | None
    due_at: int
    claimed_at: int
    started_at: int | None
    ended_at: int
    outcome: str
    error: str | None
    next_at: int | None


class LifeView(NamedTuple):
    """A worker's life; ``ended_at`` is None while it lasts."""

    worker: str
    host: str
    pid: int
    slots: int
    version: str
    started_at: int
    ended_at: int | None
    end_reason: str | None


class RefusalView(NamedTuple):
    """A finish that the fence refused."""

    at: int
    job: int
    attempt: int
    worker: str | None
    outcome: str


class ActionView(NamedTuple):
    """An operator's action; ``detail`` is a JSON object.

    ``job`` is None for an action on no single job.
    """

    at: int
    who: str
    verb: str
    job: int | None
    reason: str | None
    detail: str


class Span(NamedTuple):
    """A span from ``since`` to before ``until``, microseconds UTC; None is an open end.

    No ``queues`` means all.
    """

    since: int | None = None
    until: int | None = None
    queues: Sequence[str] = ()


EVER = Span()


def runs(database: Database, span: Span = EVER) -> list[RunView]:
    """Return the runs that ended in the span, by end time. It reads every attempt."""
    with database.look() as connection:
        return [_public_run(RunView._make(row)) for row in connection.execute(runs_statement(span))]


def _public_run(run: RunView) -> RunView:
    return run._replace(error=redact(encryption.shown(run.error))) if run.error else run


def _public_action(action: ActionView) -> ActionView:
    return action._replace(reason=action.reason and redact(action.reason), detail=redacted(action.detail))


def lives(database: Database, span: Span = EVER) -> list[LifeView]:
    """Return the worker lives that overlap the span, of any queue."""
    begun = [] if span.until is None else [WORKER.c.started_at < span.until]
    lasted = [] if span.since is None else [or_(WORKER.c.ended_at.is_(None), WORKER.c.ended_at >= span.since)]
    columns = [WORKER.c.name, *(WORKER.c[name] for name in LifeView._fields[1:])]
    with database.look() as connection:
        found = connection.execute(select(*columns).where(*begun, *lasted).order_by(WORKER.c.started_at))
        lives = map(LifeView._make, found)
        return [life._replace(end_reason=life.end_reason and redact(life.end_reason)) for life in lives]


def refusals(database: Database, span: Span = EVER) -> list[RefusalView]:
    """Return the finishes that were refused in the span, oldest first."""
    columns = (REFUSAL.c.at, REFUSAL.c.job_id, REFUSAL.c.attempt, WORKER.c.name, REFUSAL.c.outcome)
    source = REFUSAL.outerjoin(JOB, JOB.c.id == REFUSAL.c.job_id)
    source = source.outerjoin(WORKER, WORKER.c.id == REFUSAL.c.worker_id)
    asked = select(*columns).select_from(source).where(*_within(REFUSAL.c.at, span), *_in_queues(span))
    with database.look() as connection:
        return [RefusalView._make(row) for row in connection.execute(asked.order_by(REFUSAL.c.id))]


def actions(database: Database, span: Span = EVER) -> list[ActionView]:
    """Return the operators' actions in the span on any queue, oldest first."""
    columns = (ACTION.c.at, ACTION.c.who, ACTION.c.verb, ACTION.c.job_id, ACTION.c.reason, ACTION.c.detail)
    asked = select(*columns).where(*_within(ACTION.c.at, span)).order_by(ACTION.c.id)
    with database.look() as connection:
        return [_public_action(ActionView._make(row)) for row in connection.execute(asked)]


def arrivals(database: Database, span: Span = EVER) -> list[int]:
    """Return when the jobs of the span were queued, in order. It reads every job."""
    asked = select(JOB.c.created_at).where(*_within(JOB.c.created_at, span), *_in_queues(span))
    with database.look() as connection:
        return list(connection.scalars(asked.order_by(JOB.c.created_at)))


def runs_statement(span: Span) -> Executable:
    before = ATTEMPT.alias("before")
    due = func.coalesce(before.c.next_at, before.c.ended_at, JOB.c.created_at)
    about = (JOB.c.id, JOB.c.task, JOB.c.queue, JOB.c.priority, ATTEMPT.c.attempt, WORKER.c.name, due)
    rest = (ATTEMPT.c[name] for name in ("claimed_at", "started_at", "ended_at", "outcome", "error", "next_at"))
    last = and_(before.c.job_id == ATTEMPT.c.job_id, before.c.attempt == ATTEMPT.c.attempt - 1)
    source = ATTEMPT.join(JOB, JOB.c.id == ATTEMPT.c.job_id).outerjoin(before, last)
    source = source.outerjoin(WORKER, WORKER.c.id == ATTEMPT.c.worker_id)
    wanted = (*_within(ATTEMPT.c.ended_at, span), *_in_queues(span))
    return select(*about, *rest).select_from(source).where(*wanted).order_by(ATTEMPT.c.ended_at, JOB.c.id)


def _within(moment: ColumnElement[int], span: Span) -> list[ColumnElement[bool]]:
    begun = [] if span.since is None else [moment >= span.since]
    return begun + ([] if span.until is None else [moment < span.until])


def _in_queues(span: Span) -> list[ColumnElement[bool]]:
    return [JOB.c.queue.in_(span.queues)] if span.queues else []
