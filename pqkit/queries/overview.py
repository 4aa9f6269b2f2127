"""Overview of a queue: jobs by state, queues, workers, and the conservation law."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Executable, Row, exists, func, literal, select, union_all

from pqkit.db import Database, Obstacle
from pqkit.domain.durations import SECOND
from pqkit.domain.queue_limits import QueueSettings
from pqkit.domain.states import JobState
from pqkit.redaction.redact import redact
from pqkit.sql.definitions.tables import CLOSED, DELAYED, JOB, LEASE, QUEUE, READY, WORKER, WORKER_TASK

ENDED_WORKERS = 200
AHEAD = 500


class QueueView(NamedTuple):
    """A queue with its jobs by state, its pause, if any, and its settings.

    ``oldest_pending_age`` is the age in seconds of the longest-waiting pending job. A pause whose ``paused_until`` has
    passed is over; its columns stay until an operator resumes or pauses the queue again.
    """

    name: str
    pending: int
    scheduled: int
    retrying: int
    processing: int
    oldest_pending_age: float | None
    paused_at: int | None
    paused_until: int | None
    paused_by: str | None
    pause_reason: str | None
    settings: QueueSettings = QueueSettings()


class WorkerView(NamedTuple):
    """A worker's life; no ``queues`` means all of them.

    ``heartbeat_age`` is in seconds of the lease clock, None for a life before the machine's last start. ``memory`` is
    in bytes.
    """

    id: int
    name: str
    host: str
    pid: int
    slots: int
    running: int
    queues: list[str]
    tasks: list[str]
    started_at: int
    heartbeat_age: float | None
    memory: int
    stopping: bool
    ended_at: int | None
    end_reason: str | None


class Rates(NamedTuple):
    """Jobs per minute that ended ``completed``, and ``failed`` or ``unprocessable``."""

    finished: float
    failed: float


class Unserved(NamedTuple):
    """Pending jobs of one task that no living worker may take.

    ``assigned_to`` names the missing worker, if the jobs are assigned.
    """

    queue: str
    task: str
    assigned_to: str | None
    jobs: int


def counts(database: Database) -> dict[JobState, int]:
    """Count the jobs in each of the eight states."""
    places = union_all(
        select(literal(str(JobState.PENDING)), func.count()).select_from(READY),
        select(literal(str(JobState.PROCESSING)), func.count()).select_from(LEASE),
        select(DELAYED.c.state, func.count()).group_by(DELAYED.c.state),
        select(CLOSED.c.state, func.count()).group_by(CLOSED.c.state),
    )
    with database.look() as connection:
        return dict.fromkeys(JobState, 0) | {JobState(state): count for state, count in connection.execute(places)}


def ended(database: Database, state: JobState, before: int, queues: Sequence[str] = (), *, but: bool = True) -> int:
    """Count the jobs that ended in ``state`` before that moment.

    It counts the jobs outside these queues; with ``but=False``, those in them.
    """
    names = JOB.c.queue.not_in(queues) if but else JOB.c.queue.in_(queues)
    counted = select(func.count()).join_from(CLOSED, JOB, JOB.c.id == CLOSED.c.job_id)
    with database.look() as connection:
        return connection.execute(
            counted.where(CLOSED.c.state == state, CLOSED.c.finished_at < before, names)
        ).scalar_one()


def at_rest(database: Database) -> bool:
    """True if no job is pending or processing; it reads at most one row of each place."""
    anything = select(exists(select(READY.c.job_id)) | exists(select(LEASE.c.job_id)))
    with database.look() as connection:
        return not connection.execute(anything).scalar()


def queues(database: Database) -> list[QueueView]:
    """Return every queue that has a row or unfinished jobs, by name."""
    now = database.now()
    with database.look() as connection:
        found = _unfinished(connection)
        oldest = _oldest_pending(connection)
        rows = {row.name: row for row in connection.execute(select(QUEUE))}
    views = []
    for name in sorted(rows.keys() | {queue for queue, _ in found}):
        age = (now - oldest[name]) / SECOND if name in oldest else None
        views.append(view_of(name, rows.get(name), [found[name, state] for state in _UNFINISHED], age))
    return views


def view_of(name: str, row: Row[Any] | None, numbers: Sequence[int], age: float | None) -> QueueView:
    """Build a queue's view from its row, if any, and its job counts.

    ``numbers`` are its pending, scheduled, retrying and processing jobs.
    """
    pause = (
        (row.paused_at, row.paused_until, row.paused_by, row.pause_reason and redact(row.pause_reason))
        if row
        else (None,) * 4
    )
    kept = QueueSettings(*(getattr(row, field) for field in QueueSettings._fields)) if row else QueueSettings()
    return QueueView._make((name, *numbers, age, *pause, kept))


_UNFINISHED = (JobState.PENDING, JobState.SCHEDULED, JobState.RETRYING, JobState.PROCESSING)


def _unfinished(connection: Connection) -> dict[tuple[str, JobState], int]:
    delayed = DELAYED.join(JOB, JOB.c.id == DELAYED.c.job_id)
    held = LEASE.join(JOB, JOB.c.id == LEASE.c.job_id)
    found = union_all(
        select(READY.c.queue, literal(str(JobState.PENDING)), func.count()).group_by(READY.c.queue),
        select(JOB.c.queue, DELAYED.c.state, func.count()).select_from(delayed).group_by(JOB.c.queue, DELAYED.c.state),
        select(JOB.c.queue, literal(str(JobState.PROCESSING)), func.count()).select_from(held).group_by(JOB.c.queue),
    )
    rows = connection.execute(found)
    return defaultdict(int, {(queue, JobState(state)): count for queue, state, count in rows})


def _oldest_pending(connection: Connection) -> dict[str, int]:
    return dict(connection.execute(select(READY.c.queue, func.min(READY.c.since)).group_by(READY.c.queue)).all())


def workers(database: Database, *, living: bool = True) -> list[WorkerView]:
    """Return the workers that have not ended, by name.

    With ``living=False``, it adds the 200 that ended last, latest first.
    """
    alive = select(WORKER).where(WORKER.c.ended_at.is_(None)).order_by(WORKER.c.name, WORKER.c.started_at)
    ended = select(WORKER).where(WORKER.c.ended_at.is_not(None)).order_by(WORKER.c.ended_at.desc()).limit(ENDED_WORKERS)
    with database.look() as connection:
        boot, beat = database.lease_clock()
        rows = [*connection.execute(alive), *([] if living else connection.execute(ended))]
        held = select(LEASE.c.worker_id, func.count()).group_by(LEASE.c.worker_id)
        running: dict[int, int] = dict(connection.execute(held).all())
        tasks = defaultdict(list)
        for worker_id, name in connection.execute(select(WORKER_TASK).order_by(WORKER_TASK.c.task)):
            tasks[worker_id].append(name)
    return [
        WorkerView(
            row.id,
            row.name,
            row.host,
            row.pid,
            row.slots,
            running.get(row.id, 0),
            json.loads(row.queues) if row.queues else [],
            tasks[row.id],
            row.started_at,
            max(0.0, (beat - row.beat) / SECOND) if row.boot_id == boot else None,
            row.memory,
            row.stopping_at is not None,
            row.ended_at,
            row.end_reason and redact(row.end_reason),
        )
        for row in rows
    ]


def rates(database: Database, seconds: float = 60) -> Rates:
    """Return the jobs per minute that ended well and badly in the last ``seconds``."""
    since = database.now() - round(seconds * SECOND)
    ended = select(CLOSED.c.state, func.count()).where(CLOSED.c.finished_at >= since).group_by(CLOSED.c.state)
    ended = ended.where(CLOSED.c.state.in_(_ENDED_BY_RUNNING))
    with database.look() as connection:
        found: dict[str, int] = dict(connection.execute(ended).all())
    return Rates(*(sum(found.get(state, 0) for state in states) * 60 / seconds for states in (_WELL, _BADLY)))


_WELL, _BADLY = (JobState.COMPLETED,), (JobState.FAILED, JobState.UNPROCESSABLE)
_ENDED_BY_RUNNING = (*_WELL, *_BADLY)


def misplaced(database: Database) -> list[int]:
    """Check the conservation law: return the ids that break it (empty is good).

    They are ids of jobs that do not stand in exactly one of the four places, and of rows in a place whose job does not
    exist. It reads every job.
    """
    jobs, places = (
        select(JOB.c.id, literal(1).label("jobs"), literal(0).label("places")),
        (READY, DELAYED, LEASE, CLOSED),
    )
    standing = union_all(jobs, *(select(place.c.job_id, literal(0), literal(1)) for place in places)).subquery()
    wrong = (
        select(standing.c.id)
        .group_by(standing.c.id)
        .having((func.sum(standing.c.jobs) != 1) | (func.sum(standing.c.places) != 1))
        .order_by(standing.c.id)
    )
    with database.look() as connection:
        return list(connection.scalars(wrong))


def obstacle(database: Database) -> Obstacle | None:
    """Return the process or transaction that holds up all others, or None.

    It is a process that was stopped while it held SQLite's write lock, or a transaction that has kept PostgreSQL from
    removing dead rows for a minute.
    """
    return database.obstacle()


def unserved(database: Database, *, ahead_in: Sequence[str] | None = None) -> list[Unserved]:
    """Return pending jobs without a living worker that knows, serves and may take them.

    It reads every pending job. With ``ahead_in`` (names of queues), it reads only the first 500 jobs of each: such jobs
    gather there, because workers take the others.
    """
    with database.look() as connection:
        if ahead_in is None:
            waiting = [Unserved._make(row) for row in connection.execute(_waiting())]
        else:
            waiting = [Unserved._make(row) for name in ahead_in for row in connection.execute(_waiting_ahead(name))]
    living = workers(database)
    return [group for group in waiting if not any(_serves(worker, group) for worker in living)]


def _waiting() -> Executable:
    group = (READY.c.queue, JOB.c.task, READY.c.assigned_to)
    return select(*group, func.count()).join_from(READY, JOB, JOB.c.id == READY.c.job_id).group_by(*group)


def _waiting_ahead(queue: str) -> Executable:
    head = (
        select(READY.c.queue, READY.c.job_id, READY.c.assigned_to)
        .where(READY.c.queue == queue)
        .order_by(READY.c.priority, READY.c.job_id)
        .limit(AHEAD)
        .subquery()
    )
    group = (head.c.queue, JOB.c.task, head.c.assigned_to)
    return select(*group, func.count()).join_from(head, JOB, JOB.c.id == head.c.job_id).group_by(*group)


def _serves(worker: WorkerView, group: Unserved) -> bool:
    knows = group.task in worker.tasks and (not worker.queues or group.queue in worker.queues)
    return knows and group.assigned_to in {None, worker.name}
