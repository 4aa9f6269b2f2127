"""Audit checks that compare a job with other jobs and with its own rows.

They find unique keys that two jobs share or that no row holds, idle workers that pass a job over, and rows of one job
that contradict each other.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select

from pqkit.audit.rules import Surroundings
from pqkit.domain.durations import SECOND
from pqkit.domain.states import JobState
from pqkit.redaction.redact import redact
from pqkit.sql.definitions.tables import ATTEMPT, CLOSED, DELAYED, HOLD, JOB, LEASE, QUEUE, READY, WORKER, WORKER_TASK

PATIENCE = 60 * SECOND
FRESH = 10 * SECOND
MOST = 1_000


def twins(connection: Connection) -> Mapping[int, str]:
    """Jobs that never ran and share a unique key within one queue.

    A running job is not one of them: its successor may wait beside it.
    """
    waiting = [
        select(JOB.c.queue, JOB.c.unique_key, JOB.c.id)
        .join_from(JOB, place, place.c.job_id == JOB.c.id)
        .where(JOB.c.unique_key.is_not(None), place.c.attempt == 0)
        for place in (READY, DELAYED)
    ]
    both = waiting[0].union_all(waiting[1]).subquery()
    counted = (
        select(both.c.unique_key, func.min(both.c.id), func.max(both.c.id))
        .group_by(both.c.queue, both.c.unique_key)
        .having(func.count() > 1)
    )
    return {
        last: f"it waits beside job {first}, which has the same unique key {redact(key)}"
        for key, first, last in connection.execute(counted)
    }


def keyless(connection: Connection) -> Mapping[int, str]:
    """Jobs that never ran and do not hold their unique key: a duplicate could be queued."""
    held = exists().where(HOLD.c.queue == JOB.c.queue, HOLD.c.unique_key == JOB.c.unique_key)
    waiting = [
        select(JOB.c.id)
        .join_from(JOB, place, place.c.job_id == JOB.c.id)
        .where(JOB.c.unique_key.is_not(None), place.c.attempt == 0, ~held)
        for place in (READY, DELAYED)
    ]
    found = connection.scalars(waiting[0].union_all(waiting[1]))
    return dict.fromkeys(found, "it waits, and no row holds its unique key")


def contradictions(connection: Connection) -> Mapping[int, str]:
    """Jobs whose rows, or columns of one row, contradict each other."""
    place = [(READY.c[name], JOB.c[name]) for name in ("queue", "priority", "limit_key")]
    elsewhere = or_(*(one.is_not(None) & (one != other) for one, other in place))
    misplaced = select(READY.c.job_id).join(JOB, JOB.c.id == READY.c.job_id).where(elsewhere)
    completed = CLOSED.c.state == str(JobState.COMPLETED)
    with_error, with_result = and_(completed, CLOSED.c.error.is_not(None)), ~completed & CLOSED.c.result.is_not(None)
    asked = {
        "it waits under another queue, priority or limit key than it was queued with": misplaced,
        "it is completed, and has an error": select(CLOSED.c.job_id).where(with_error),
        "it has a result, and is not completed": select(CLOSED.c.job_id).where(with_result),
    }
    return {job_id: words for words, jobs in asked.items() for job_id in connection.scalars(jobs)}


def passed_over(connection: Connection, now: int, unset_for: int) -> Mapping[int, str]:
    """Jobs due for more than a minute that an idle worker could have taken.

    A worker is idle if it has run nothing for a minute. Jobs in queues with limits or pauses, and assigned or
    suspect jobs, are left out: they may have reasons to wait.
    """
    if unset_for < PATIENCE:
        return {}
    before = now - PATIENCE
    held = exists().where(QUEUE.c.name == READY.c.queue, (QUEUE.c.limited == 1) | QUEUE.c.paused_at.is_not(None))
    old = (
        select(READY.c.job_id, READY.c.queue, JOB.c.task)
        .join_from(READY, JOB, JOB.c.id == READY.c.job_id)
        .where(READY.c.since < before, READY.c.suspect == 0, READY.c.assigned_to.is_(None), ~held)
        .order_by(READY.c.job_id)
        .limit(MOST)
    )
    waiting = connection.execute(old).all()
    idle = _idle(connection, now, before) if waiting else []
    found = {}
    for job_id, queue, task in waiting:
        name = next((name for name, queues, tasks in idle if task in tasks and (not queues or queue in queues)), None)
        if name is not None:
            found[job_id] = f"it has been due for more than a minute, and {name}, which may take it, does nothing"
    return found


def _idle(connection: Connection, now: int, before: int) -> list[tuple[str, list[str], set[str]]]:
    """Return (name, queues, tasks) of workers that have lived and been idle for a minute."""
    busy = exists().where(LEASE.c.worker_id == WORKER.c.id)
    did = exists().where(ATTEMPT.c.worker_id == WORKER.c.id, ATTEMPT.c.ended_at >= before)
    asked = select(WORKER.c.id, WORKER.c.name, WORKER.c.queues).where(
        WORKER.c.ended_at.is_(None),
        WORKER.c.stopping_at.is_(None),
        WORKER.c.started_at < before,
        WORKER.c.heartbeat_at > now - FRESH,
        WORKER.c.pid > 0,
        ~busy,
        ~did,
    )
    return [(row.name, json.loads(row.queues or "[]"), _tasks(connection, row.id)) for row in connection.execute(asked)]


def _tasks(connection: Connection, worker_id: int) -> set[str]:
    return set(connection.scalars(select(WORKER_TASK.c.task).where(WORKER_TASK.c.worker_id == worker_id)))


def beside(connection: Connection, around: Surroundings) -> dict[str, Any]:
    """Run all of these checks; the keys are fields of ``Surroundings``."""
    unset_for = around.clock.unset_for(around.now)
    return {
        "twins": {**keyless(connection), **twins(connection)},
        "passed_over": passed_over(connection, around.now, unset_for),
        "contradictions": contradictions(connection),
    }
