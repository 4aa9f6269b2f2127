"""The record that an audit judges, read job by job in one consistent look."""

import json
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, Select, literal, null, select, union_all

from pqkit.audit import Acted, Certificate, History, Life, Pause, Ran, Standing, Surroundings, judge
from pqkit.db import Database
from pqkit.models import table
from pqkit.states import JobState, Place

JOB, READY, DELAYED, LEASE, CLOSED = (table(name) for name in ("job", "ready", "delayed", "lease", "closed"))
ATTEMPT, ACTION, WORKER = (table(name) for name in ("attempt", "action", "worker"))
BATCH = 1_000


def audit(database: Database, *, since: int | None = None, until: int | None = None) -> Certificate:
    """Judge the jobs queued from ``since`` to ``until`` (microseconds UTC; None for open ends). Only reads."""
    with database.look() as connection:
        around = Surroundings(database.now(), _lives(connection), _pauses(connection))
        return judge(_histories(connection, since, until), around)


def _lives(connection: Connection) -> dict[int, Life]:
    columns = select(WORKER.c.id, WORKER.c.name, WORKER.c.started_at, WORKER.c.ended_at)
    return {worker_id: Life(*rest) for worker_id, *rest in connection.execute(columns)}


def _pauses(connection: Connection) -> list[Pause]:
    """The spans between pause and resume, from the operators' record; a pause with an end of its own ends there."""
    rows = connection.execute(
        select(ACTION.c.at, ACTION.c.verb, ACTION.c.detail)
        .where(ACTION.c.verb.in_(("pause", "resume", "delete_queue")))
        .order_by(ACTION.c.id)
    )
    pauses: list[Pause] = []
    begun: dict[str, tuple[int, int | None]] = {}
    for at, verb, detail in rows:
        about = json.loads(detail)
        if about["queue"] in begun:
            since, until = begun.pop(about["queue"])
            pauses.append(Pause(about["queue"], since, min(at, until or at)))
        if verb == "pause":
            begun[about["queue"]] = (at, about["until"])
    return pauses + [Pause(queue, since, until) for queue, (since, until) in begun.items()]


def _histories(connection: Connection, since: int | None, until: int | None) -> Iterator[History]:
    after = 0
    while True:
        wanted = select(JOB).where(JOB.c.id > after).order_by(JOB.c.id).limit(BATCH)
        jobs = list(connection.execute(wanted))
        if not jobs:
            return
        first, after = jobs[0].id, jobs[-1].id
        standings = _grouped(connection, _standings(first, after))
        runs = _grouped(
            connection, select(ATTEMPT).where(ATTEMPT.c.job_id.between(first, after)).order_by(*ATTEMPT.primary_key)
        )
        actions = _grouped(connection, _actions(first, after))
        for job in jobs:
            if (since is None or job.created_at >= since) and (until is None or job.created_at < until):
                yield _history(job, standings.get(job.id, []), runs.get(job.id, []), actions.get(job.id, []))


def _grouped(connection: Connection, question: Any) -> dict[int, list[Row[Any]]]:
    rows = connection.execute(question)
    return {job_id: list(group) for job_id, group in groupby(rows, attrgetter("job_id"))}


def _standings(first: int, last: int) -> Any:
    none, pending, processing = null(), literal(str(JobState.PENDING)), literal(str(JobState.PROCESSING))
    ready = (literal("ready").label("place"), pending.label("state"), *_budget(READY))
    asked: list[Select[Any]] = [
        select(READY.c.job_id, *ready, none.label("at"), none.label("worker_id")),
        select(LEASE.c.job_id, literal("lease"), processing, *_budget(LEASE), LEASE.c.claimed_at, LEASE.c.worker_id),
        select(DELAYED.c.job_id, literal("delayed"), DELAYED.c.state, *_budget(DELAYED), DELAYED.c.due_at, none),
        select(CLOSED.c.job_id, literal("closed"), CLOSED.c.state, *_budget(CLOSED), CLOSED.c.finished_at, none),
    ]
    places = (READY, LEASE, DELAYED, CLOSED)
    within = [one.where(place.c.job_id.between(first, last)) for one, place in zip(asked, places, strict=True)]
    return union_all(*within).order_by("job_id")


def _budget(place: Any) -> tuple[Any, Any, Any]:
    return place.c.attempt, place.c.retries, place.c.crashes


def _actions(first: int, last: int) -> Any:
    columns = (ACTION.c.job_id, ACTION.c.at, ACTION.c.verb, ACTION.c.who)
    return select(*columns).where(ACTION.c.job_id.between(first, last)).order_by(ACTION.c.job_id, ACTION.c.id)


def _history(job: Row[Any], standings: list[Row[Any]], runs: list[Row[Any]], actions: list[Row[Any]]) -> History:
    return History(
        job.id,
        job.queue,
        job.created_at,
        job.max_retries,
        [
            Standing(Place(r.place), JobState(r.state), r.attempt, r.retries, r.crashes, r.at, r.worker_id)
            for r in standings
        ],
        [Ran(r.attempt, r.worker_id, r.claimed_at, r.started_at, r.ended_at, r.outcome, r.next_at) for r in runs],
        [Acted(a.at, a.verb, a.who) for a in actions],
    )
