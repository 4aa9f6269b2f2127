"""Events to draw on charts: operators' actions, worker starts and ends, pauses, attempts."""

import json
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, literal, select

from pqkit.audit import job_history
from pqkit.audit.rules import Pause
from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.states import FINAL, JobState
from pqkit.redaction.redact import redact
from pqkit.sql.definitions.prune import pauses as deeds_of_pausing
from pqkit.sql.definitions.tables import ACTION, ATTEMPT, CLOSED, DELAYED, JOB, LEASE, WORKER

MOST = 60


class Mark(NamedTuple):
    """An event at ``at``, in words.

    ``kind`` is ``action`` (by an operator), or ``start`` or ``end`` (of workers).
    """

    at: int
    kind: str
    words: str


class Bar(NamedTuple):
    """An attempt on a worker's timeline.

    While it runs, ``ended`` is None and the outcome is ``running``.
    """

    worker: str
    job: int
    task: str
    queue: str
    began: int
    ended: int | None
    outcome: str


def marks(database: Database, since: int, until: int) -> list[Mark]:
    """Return the latest actions, worker starts and worker ends in the span, oldest first.

    The span includes ``since`` and excludes ``until``. A bulk action is one mark, and so are workers that started or
    ended in the same second.
    """
    with database.look() as connection:
        asked = (
            select(ACTION.c.at, ACTION.c.verb, ACTION.c.who, ACTION.c.reason, func.count(), func.min(ACTION.c.detail))
            .where(ACTION.c.at >= since, ACTION.c.at < until)
            .group_by(ACTION.c.at, ACTION.c.verb, ACTION.c.who, ACTION.c.reason)
            .order_by(ACTION.c.at.desc())
            .limit(MOST)
        )
        actions = [Mark(at, "action", _deed(*rest)) for at, *rest in connection.execute(asked)]
        lives = []
        for moment, kind, verb in ((WORKER.c.started_at, "start", "started"), (WORKER.c.ended_at, "end", "ended")):
            found = select(moment, WORKER.c.name, WORKER.c.end_reason).where(moment >= since, moment < until)
            rows = connection.execute(found.order_by(moment.desc()).limit(MOST)).all()
            lives += [_lives(kind, verb, list(group)) for _, group in groupby(rows, lambda row: row[0] // SECOND)]
    return sorted(actions + lives)


def _deed(verb: str, who: str, reason: str | None, count: int, detail: str) -> str:
    about = json.loads(detail).get("queue")
    what = f" {about}" if about else f" {count} jobs" if count > 1 else ""
    return f"{verb}{what} by {who}" + (f": {redact(reason)}" if reason else "")


def _lives(kind: str, verb: str, rows: list[Any]) -> Mark:
    names = [row[1] for row in rows]
    who = names[0] if len(names) == 1 else f"{len(names)} workers"
    reason = f": {redact(rows[0][2])}" if kind == "end" and rows[0][2] else ""
    return Mark(min(row[0] for row in rows), kind, f"{who} {verb}{reason}")


def pauses(database: Database, since: int, until: int, *, queue: str | None = None) -> list[Pause]:
    """Return the pauses that overlap this span, of one queue or of all."""
    with database.look() as connection:
        found = job_history.pauses((at, verb, detail) for at, verb, detail in connection.execute(deeds_of_pausing))
    return [p for p in found if p.since < until and (p.until or until) > since and queue in {None, p.queue}]


def bars(database: Database, since: int, *, queue: str | None = None, most: int = 400) -> list[Bar]:
    """Return the latest attempts that ended since that moment, and those that run now.

    It returns at most ``most`` of each kind of end and leaves out older ones: the table ``attempt`` holds the full
    history.
    """
    with database.look() as connection:
        now = database.now()
        rows: list[Any] = []
        for state in FINAL:
            ended = (CLOSED.c.state == state, CLOSED.c.finished_at >= since)
            rows += connection.execute(_ended(CLOSED, CLOSED.c.finished_at, ended, most))
        rows += connection.execute(
            _ended(DELAYED, DELAYED.c.due_at, (DELAYED.c.state == JobState.RETRYING,), most, since)
        )
        running = (
            select(
                WORKER.c.name, JOB.c.id, JOB.c.task, JOB.c.queue, LEASE.c.claimed_at, literal(None), literal("running")
            )
            .select_from(LEASE.join(WORKER, WORKER.c.id == LEASE.c.worker_id).join(JOB, JOB.c.id == LEASE.c.job_id))
            .order_by(LEASE.c.job_id)
            .limit(most)
        )
        rows += connection.execute(running)
    found = [Bar._make(row) for row in rows]
    return [bar for bar in found if queue in {None, bar.queue} and bar.began <= now]


def _ended(place: Any, order: Any, where: tuple[ColumnElement[bool], ...], most: int, since: int = 0) -> Any:
    """Select the last attempt of each of the latest jobs in a place."""
    latest = select(place.c.job_id, place.c.attempt).where(*where).order_by(order.desc()).limit(most).subquery()
    began = func.coalesce(ATTEMPT.c.started_at, ATTEMPT.c.claimed_at)
    return (
        select(WORKER.c.name, JOB.c.id, JOB.c.task, JOB.c.queue, began, ATTEMPT.c.ended_at, ATTEMPT.c.outcome)
        .select_from(
            latest.join(ATTEMPT, (ATTEMPT.c.job_id == latest.c.job_id) & (ATTEMPT.c.attempt == latest.c.attempt))
            .join(WORKER, WORKER.c.id == ATTEMPT.c.worker_id)
            .join(JOB, JOB.c.id == latest.c.job_id)
        )
        .where(ATTEMPT.c.ended_at >= since)
    )
