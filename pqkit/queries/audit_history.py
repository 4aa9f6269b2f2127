"""Reads the record that an audit judges, job by job, in one consistent snapshot."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Executable, RowMapping, Select, exists, literal, null, select, union, union_all

from pqkit.audit import job_history
from pqkit.audit.limit_rules import Started, crowded, unset
from pqkit.audit.pruned_jobs import Past, examine
from pqkit.audit.rules import TRAIL, Certificate, Finding, History, Life, Pause, Refused, Standing, Surroundings, judge
from pqkit.audit.seals import Entry, Seal, Span, spans, unchained
from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.states import JobState, Place
from pqkit.domain.wall_clock_order import Step, WallClock, wall_clock
from pqkit.queries.audit_cross_checks import beside
from pqkit.sql.definitions.prune import pauses
from pqkit.sql.definitions.tables import (
    ACTION,
    ATTEMPT,
    CLOCK_STEP,
    CLOSED,
    DELAYED,
    DEPENDENCY,
    JOB,
    LEASE,
    READY,
    REDRIVE_JOB,
    REFUSAL,
    SEAL,
    SLOT,
    WORKER,
)
from pqkit.sql.definitions.tables import TRAIL as TRAIL_HEAD

NAMING = (ACTION.c.job_id, SLOT.c.job_id, DEPENDENCY.c.on_job_id, REDRIVE_JOB.c.job_id)
BATCH = 1_000


def audit(
    database: Database, *, since: int | None = None, until: int | None = None, archives: Path | None = None
) -> Certificate:
    """Judge the jobs queued from ``since`` to ``until``, and pruned jobs by their seals.

    Both moments are microseconds UTC; None leaves that end open. With the folder of ``archives``, pruned jobs are also
    judged by what is archived. It only reads.
    """
    with database.look() as connection:
        clock = _clock(database, connection)
        around = Surroundings(
            database.now(), _lives(connection), _pauses(connection), _crowded(connection, clock), clock
        )
        around = replace(around, **beside(connection, around))
        there: list[Span] = []
        contents = hashlib.sha256()
        certificate = judge(_histories(connection, since, until, there, contents), around)
        certificate.contents = contents.hexdigest()
        examine(certificate, _pruned(database, connection, there), around, archives)
        certificate.findings += _trail_whole(connection)
        columns = (REFUSAL.c[name] for name in Refused._fields)
        certificate.refused = [Refused(*row) for row in connection.execute(select(*columns).order_by(REFUSAL.c.id))]
        return certificate


def _trail_whole(connection: Connection) -> Iterator[Finding]:
    """Yield the faults of the audit trail, as its seals show them."""
    head = connection.execute(select(TRAIL_HEAD.c.actions, TRAIL_HEAD.c.checksum)).first()
    columns = (*(ACTION.c[name] for name in Entry._fields), ACTION.c.checksum)
    sealed = select(*columns).where(ACTION.c.place.is_not(None)).order_by(ACTION.c.place)
    entries = ((Entry(*row[:-1]), row[-1]) for row in connection.execute(sealed))
    for entry, words in unchained(entries, *(head or (0, ""))):
        timeline = [] if entry is None else [(entry.at, f"{entry.verb} by {entry.who}")]
        yield Finding(TRAIL, (entry.job_id if entry else None) or 0, words, timeline)


def _clock(database: Database, connection: Connection) -> WallClock:
    """Return when the wall clock was set, including a change that no process has recorded yet."""
    columns = select(*(CLOCK_STEP.c[name] for name in Step._fields)).order_by(CLOCK_STEP.c.id)
    steps = [Step(*row) for row in connection.execute(columns)]
    if not steps:
        return WallClock()
    boot, reading = database.lease_clock()
    last, now = steps[-1], Step(boot, reading, database.now() - reading, reading)
    if last.boot_id == boot and abs(last.ahead - now.ahead) < SECOND:
        return wall_clock([*steps[:-1], last._replace(last_at=reading)])
    return wall_clock([*steps, now])


def _crowded(connection: Connection, clock: WallClock) -> Mapping[int, str]:
    """Jobs claimed against a limit of their queue, by the record of settings and runs."""
    said = select(ACTION.c.at, ACTION.c.verb, ACTION.c.detail).where(ACTION.c.verb.in_(("set_queue", "delete_queue")))
    changes = job_history.changes(row for row in connection.execute(said.order_by(ACTION.c.id)))
    found: dict[int, str] = {}
    for queue, made in changes.items():
        if any(change.settings.limited for change in made):
            started = (Started._make(row) for row in connection.execute(_started(queue)))
            found |= crowded(*unset(started, made, clock))
    return found


def _started(queue: str) -> Executable:
    """Select the ended and running attempts of the queue, in the order of claims."""
    job, of_queue = (JOB.c.id, JOB.c.limit_key), JOB.c.queue == queue
    ended = select(*job, ATTEMPT.c.claimed_at, ATTEMPT.c.ended_at).join(ATTEMPT, ATTEMPT.c.job_id == JOB.c.id)
    held = select(*job, LEASE.c.claimed_at, null()).join(LEASE, LEASE.c.job_id == JOB.c.id)
    return union_all(ended.where(of_queue), held.where(of_queue)).order_by("claimed_at")


def _lives(connection: Connection) -> dict[int, Life]:
    columns = select(WORKER.c.id, WORKER.c.name, WORKER.c.started_at, WORKER.c.ended_at)
    return job_history.lives(connection.execute(columns).mappings())


def _pauses(connection: Connection) -> list[Pause]:
    return job_history.pauses((at, verb, detail) for at, verb, detail in connection.execute(pauses))


def _pruned(database: Database, connection: Connection, there: list[Span]) -> Past:
    """Return what is on record about jobs that no longer exist."""
    columns = (SEAL.c[name] for name in Seal._fields)
    seals = [Seal(*row) for row in connection.execute(select(*columns).order_by(SEAL.c.id))]
    deleted = connection.scalars(select(ACTION.c.job_id).where(ACTION.c.verb == "delete").order_by(ACTION.c.job_id))
    last = None if database.ids_have_gaps else database.counters(connection)["job"]
    return Past(seals, there, spans(dict.fromkeys(deleted)), last, _named(connection))


def _named(connection: Connection) -> Sequence[int]:
    """Return the ids of jobs that other records name and that no longer exist."""
    there = exists().where
    gone = (select(named.label("id")).where(named.is_not(None), ~there(JOB.c.id == named)) for named in NAMING)
    return connection.scalars(union(*gone).order_by("id")).all()


def _histories(
    connection: Connection, since: int | None, until: int | None, there: list[Span], contents: "hashlib._Hash"
) -> Iterator[History]:
    """Yield the histories of the jobs queued in that time.

    ``there`` receives the ids of all jobs; ``contents`` hashes every column of the yielded ones.
    """
    after = 0
    while True:
        wanted = select(JOB).where(JOB.c.id > after).order_by(JOB.c.id).limit(BATCH)
        jobs = list(connection.execute(wanted).mappings())
        if not jobs:
            return
        first, after = jobs[0]["id"], jobs[-1]["id"]
        there += spans(job["id"] for job in jobs)
        standings = _grouped(connection, _standings(first, after))
        runs, ended, delayed = (_grouped(connection, _rows(one, first, after)) for one in (ATTEMPT, CLOSED, DELAYED))
        actions = _grouped(connection, _actions(first, after))
        for job in jobs:
            number, created_at = job["id"], job["created_at"]
            if (since is None or created_at >= since) and (until is None or created_at < until):
                standing = [_standing(row) for row in standings.get(number, [])]
                rows = (job, *runs.get(number, []), *ended.get(number, []), *delayed.get(number, []))
                contents.update(repr([sorted(row.items()) for row in rows]).encode())
                yield job_history.history(job, standing, runs.get(number, []), actions.get(number, []))


def _rows(wanted: Any, first: int, last: int) -> Any:
    """Select all columns of a table for these jobs."""
    return select(wanted).where(wanted.c.job_id.between(first, last)).order_by(*wanted.primary_key, wanted.c.job_id)


def _grouped(connection: Connection, question: Any) -> dict[int, list[RowMapping]]:
    rows = connection.execute(question).mappings()
    return {job_id: list(group) for job_id, group in groupby(rows, itemgetter("job_id"))}


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


def _standing(row: RowMapping) -> Standing:
    place, state, *rest = (row[name] for name in Standing._fields)
    return Standing(Place(place), JobState(state), *rest)
