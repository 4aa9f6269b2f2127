"""The tables. A job's state is where its row stands: in ``ready``, ``delayed``, ``lease`` or ``closed``.

Times are integers: microseconds since 1970 UTC. The hot path does not use these classes, only their tables.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    text,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from pqkit.columns import BIG, NARROW, Json, Text
from pqkit.states import JobState, Place, in_place


class Row(SQLModel, registry=registry()):
    """Base of pqkit's tables, with metadata of its own so that a user's ``create_all`` does not see them."""


def _key() -> Column[int]:
    return Column(BIG, Identity(), primary_key=True)


def _given_key() -> Column[int]:
    return Column(BIG, primary_key=True, autoincrement=False)


def _job_key() -> Column[int]:
    return Column(BIG, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)


def _one_of(column: str, place: Place) -> str:
    # An OR and no IN, for which SQLite would build a set anew for each row.
    return " OR ".join(f"{column} = '{state}'" for state in in_place(place))


class JobRow(Row, table=True):
    """What was asked. Written once and never rewritten by the hot path."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("max_retries >= 0", name="job_max_retries"),
        CheckConstraint("timeout IS NULL OR timeout > 0", name="job_timeout"),
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, sa_column=_key())
    queue: str = Field(sa_type=Text)
    task: str = Field(sa_type=Text)
    args: str = Field(sa_type=Json)
    priority: int = 0
    max_retries: int
    backoff: str | None = Field(default=None, sa_type=Text)
    timeout: float | None = None
    unique_key: str | None = Field(default=None, sa_type=Text)
    limit_key: str | None = Field(default=None, sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)


class ReadyRow(Row, table=True):
    """Due and waiting since ``since``; a claim cuts off the head of its key. ``assigned_to`` names the one worker that
    may take it.

    A ``suspect`` was running beside others when their worker died: it runs alone until it is found guilty or clean.

    No foreign key: finding its children would scan this table for each job deleted, and only closed jobs are deleted.
    """

    __tablename__ = "ready"
    __table_args__ = (
        Index(
            "ready_suspect",
            "suspect",  # always 1, and the reason that SQLite prefers this index to the key
            "queue",
            "priority",
            "job_id",
            sqlite_where=text("suspect = 1"),
            postgresql_where=text("suspect = 1"),
        ),
        Index(
            "ready_keyed",
            "queue",
            "priority",
            "limit_key",
            "job_id",
            sqlite_where=text("limit_key IS NOT NULL"),
            postgresql_where=text("limit_key IS NOT NULL"),
        ),
        NARROW,
    )
    queue: str = Field(sa_column=Column(Text, primary_key=True))
    priority: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    job_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))
    attempt: int = 0
    retries: int = 0
    crashes: int = 0
    suspect: int = 0
    assigned_to: str | None = Field(default=None, sa_type=Text)
    since: int = Field(sa_type=BigInteger)
    limit_key: str | None = Field(default=None, sa_type=Text)


class DelayedRow(Row, table=True):
    """Not due yet, or between two attempts."""

    __tablename__ = "delayed"
    __table_args__ = (
        CheckConstraint(_one_of("state", Place.DELAYED), name="delayed_state"),
        Index("delayed_job", "job_id", unique=True),
        Index("delayed_by_state", "state", "due_at"),
        NARROW,
    )
    due_at: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    job_id: int = Field(sa_column=_job_key())
    state: JobState = Field(sa_type=Text)
    attempt: int = 0
    retries: int = 0
    crashes: int = 0
    error: str | None = Field(default=None, sa_type=Text)
    assigned_to: str | None = Field(default=None, sa_type=Text)


class LeaseRow(Row, table=True):
    """A worker's right to run one attempt. The key makes two live leases on one job impossible."""

    __tablename__ = "lease"
    __table_args__ = (CheckConstraint("attempt > 0", name="lease_attempt"), Index("lease_by_worker", "worker_id"))
    job_id: int = Field(sa_column=_job_key())
    attempt: int
    retries: int
    crashes: int
    suspect: int
    worker_id: int = Field(sa_type=BigInteger)
    claimed_at: int = Field(sa_type=BigInteger)
    cancel_requested_at: int | None = Field(default=None, sa_type=BigInteger)


class ClosedRow(Row, table=True):
    """How a job ended."""

    __tablename__ = "closed"
    __table_args__ = (
        CheckConstraint(_one_of("state", Place.CLOSED), name="closed_state"),
        Index("closed_by_state", "state", "finished_at"),
    )
    job_id: int = Field(sa_column=_job_key())
    state: JobState = Field(sa_type=Text)
    finished_at: int = Field(sa_type=BigInteger)
    attempt: int
    retries: int
    crashes: int
    result: str | None = Field(default=None, sa_type=Json)
    error: str | None = Field(default=None, sa_type=Text)


class AttemptRow(Row, table=True):
    """History, append-only: one row for each run, written when it ends, however it ends.

    ``next_at`` is the moment that was set for the next run, where one was.
    """

    __tablename__ = "attempt"
    __table_args__ = (NARROW,)
    job_id: int = Field(sa_column=_job_key())
    attempt: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    worker_id: int = Field(sa_type=BigInteger)
    claimed_at: int = Field(sa_type=BigInteger)
    started_at: int | None = Field(default=None, sa_type=BigInteger)
    ended_at: int = Field(sa_type=BigInteger)
    outcome: str = Field(sa_type=Text)
    error: str | None = Field(default=None, sa_type=Text)
    next_at: int | None = Field(default=None, sa_type=BigInteger)


class RollupRow(Row, table=True):
    """How the runs ended that ended in the ``width`` seconds from ``at`` on: written once a second by each worker, and
    merged into wider rows (``worker_id`` 0) by maintenance.

    ``waited`` and ``ran`` are microseconds in all; ``waits`` and ``runs`` are histograms, JSON objects from the index
    of a bucket (``pqkit.histogram``) to how many runs fell into it. The last second of a worker that was killed is not
    in here; the attempts tell it.

    Runs that failed have the pattern of their ``error``, and the last error and job as an
    example. Jobs that came are counted too, by maintenance, in the second of their creation: outcome ``enqueued``.
    """

    __tablename__ = "rollup"
    __table_args__ = (
        Index("rollup_by_width", "width", "at"),
        Index("rollup_errors", "at", sqlite_where=text("error <> ''"), postgresql_where=text("error <> ''")),
    )
    id: int | None = Field(default=None, sa_column=_key())
    at: int = Field(sa_type=BigInteger)
    width: int
    queue: str = Field(sa_type=Text)
    task: str = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)
    worker_id: int = Field(sa_type=BigInteger)
    count: int
    waited: int = Field(sa_type=BigInteger)
    ran: int = Field(sa_type=BigInteger)
    waits: str = Field(sa_type=Text)
    runs: str = Field(sa_type=Text)
    error: str = Field(default="", sa_type=Text)
    example: str | None = Field(default=None, sa_type=Text)
    example_job: int | None = Field(default=None, sa_type=BigInteger)


class PulseRow(Row, table=True):
    """A sample of the whole, taken by maintenance about once a second; wider rows hold means, and the greatest for
    ``commit_most``, the last of what only grows.

    So many ``samples`` are in it. ``memory`` and sizes are bytes (None where they cannot be known), commit times
    microseconds of the sample's own commit; then the jobs that have ended, by state, and the id up to which jobs that
    came are counted.
    """

    __tablename__ = "pulse"
    __table_args__ = (Index("pulse_by_width", "width", "at"),)
    id: int | None = Field(default=None, sa_column=_key())
    at: int = Field(sa_type=BigInteger)
    width: int
    samples: int
    workers: int
    slots: int
    busy: int
    memory: int = Field(sa_type=BigInteger)
    commit_time: int | None = Field(default=None, sa_type=BigInteger)
    commit_most: int | None = Field(default=None, sa_type=BigInteger)
    database_size: int | None = Field(default=None, sa_type=BigInteger)
    log_size: int | None = Field(default=None, sa_type=BigInteger)
    disk_free: int | None = Field(default=None, sa_type=BigInteger)
    completed: int = Field(sa_type=BigInteger)
    failed: int = Field(sa_type=BigInteger)
    unprocessable: int = Field(sa_type=BigInteger)
    canceled: int = Field(sa_type=BigInteger)
    counted_to: int = Field(sa_type=BigInteger)


class DepthRow(Row, table=True):
    """A queue's unfinished jobs at the time of a pulse, by state, and for how many microseconds the oldest pending one
    has waited. A queue without any has no row. Wider rows hold means over the pulses, and the oldest of all."""

    __tablename__ = "depth"
    __table_args__ = (Index("depth_by_width", "width", "at"),)
    id: int | None = Field(default=None, sa_column=_key())
    at: int = Field(sa_type=BigInteger)
    width: int
    queue: str = Field(sa_type=Text)
    pending: int
    scheduled: int
    retrying: int
    processing: int
    oldest: int | None = Field(default=None, sa_type=BigInteger)


class ForecastRow(Row, table=True):
    """When a queue was expected to have no pending job any more, and whether it came so.

    Moments in microseconds UTC; no ``likely`` says that it will not drain, no ``latest`` that it may not. ``hit`` is
    decided at ``decided_at``, None for one that can no longer be judged.
    """

    __tablename__ = "forecast"
    __table_args__ = (Index("forecast_decided", "decided_at"),)
    id: int | None = Field(default=None, sa_column=_key())
    at: int = Field(sa_type=BigInteger)
    queue: str = Field(sa_type=Text)
    pending: int
    earliest: int | None = Field(default=None, sa_type=BigInteger)
    likely: int | None = Field(default=None, sa_type=BigInteger)
    latest: int | None = Field(default=None, sa_type=BigInteger)
    decided_at: int | None = Field(default=None, sa_type=BigInteger)
    hit: int | None = None


class RefusalRow(Row, table=True):
    """A finish that the fence refused: the worker had lost its lease."""

    __tablename__ = "refusal"
    id: int | None = Field(default=None, sa_column=_key())
    at: int = Field(sa_type=BigInteger)
    job_id: int = Field(sa_type=BigInteger)
    attempt: int
    worker_id: int = Field(sa_type=BigInteger)
    outcome: str = Field(sa_type=Text)


class HoldRow(Row, table=True):
    """The unfinished job that holds a unique key of its queue; ``kept``: it holds the key until it is deleted."""

    __tablename__ = "unique_hold"
    __table_args__ = (Index("unique_hold_job", "job_id", unique=True), NARROW)
    queue: str = Field(sa_column=Column(Text, primary_key=True))
    unique_key: str = Field(sa_column=Column(Text, primary_key=True))
    job_id: int = Field(sa_column=Column(BIG, ForeignKey("job.id", ondelete="CASCADE"), nullable=False))
    kept: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))


class DependentRow(Row, table=True):
    """A job that waits in ``delayed``, due never, until others have ended; a batch is such a job, with a name.

    ``passed``: those with ids up to it have been seen to have ended. ``on_fail`` says what becomes of the job when one
    of them ends otherwise than completed; ``due_at`` is when it is due at the earliest.
    """

    __tablename__ = "dependent"
    __table_args__ = (
        Index(
            "dependent_waiting",
            "job_id",
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
    )
    job_id: int = Field(sa_column=_job_key())
    batch: str | None = Field(default=None, sa_type=Text)
    on_fail: str = Field(sa_type=Text)
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    passed: int = Field(default=0, sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    released_at: int | None = Field(default=None, sa_type=BigInteger)


class DependencyRow(Row, table=True):
    """One of the jobs that a dependent job waits for, or a member of its batch."""

    __tablename__ = "dependency"
    __table_args__ = (Index("dependency_on", "on_job_id"), NARROW)
    job_id: int = Field(sa_column=_job_key())
    on_job_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))


class FileIntentRow(Row, table=True):
    """A staged file whose attempt's finish was accepted and that is still to be renamed onto its target."""

    __tablename__ = "file_intent"
    __table_args__ = (NARROW,)
    job_id: int = Field(sa_column=_job_key())
    staged: str = Field(sa_column=Column(Text, primary_key=True))
    target: str = Field(sa_type=Text)


class ProgressRow(Row, table=True):
    """The last progress that a running attempt reported."""

    __tablename__ = "progress"
    job_id: int = Field(sa_column=_job_key())
    attempt: int
    at: int = Field(sa_type=BigInteger)
    fraction: float
    note: str = Field(default="", sa_type=Text)


class LogRow(Row, table=True):
    """A line that a handler kept with its job."""

    __tablename__ = "job_log"
    __table_args__ = (Index("job_log_job", "job_id", "id"),)
    id: int | None = Field(default=None, sa_column=_key())
    job_id: int = Field(sa_column=Column(BIG, ForeignKey("job.id", ondelete="CASCADE"), nullable=False))
    attempt: int
    at: int = Field(sa_type=BigInteger)
    line: str = Field(sa_type=Text)


class WorkerRow(Row, table=True):
    """One worker process's life, kept after its end. ``id`` is random: no two lives share it.

    ``boot_id`` and ``beat`` (microseconds of a clock that no one can set) decide about leases; ``heartbeat_at`` is for
    people. ``process_start`` tells a process from a later one with the same pid, ``pid_space`` where pids compare.
    ``queues`` is a JSON list, NULL for all.
    """

    __tablename__ = "worker"
    __table_args__ = (Index("worker_alive", "ended_at", "name"),)
    id: int = Field(sa_column=_given_key())
    name: str = Field(sa_type=Text)
    host: str = Field(sa_type=Text)
    pid: int
    process_start: int = Field(sa_type=BigInteger)
    pid_space: str = Field(sa_type=Text)
    boot_id: str = Field(sa_type=Text)
    beat: int = Field(sa_type=BigInteger)
    slots: int
    queues: str | None = Field(default=None, sa_type=Text)
    version: str = Field(sa_type=Text)
    started_at: int = Field(sa_type=BigInteger)
    heartbeat_at: int = Field(sa_type=BigInteger)
    memory: int = Field(default=0, sa_type=BigInteger)
    stopping_at: int | None = Field(default=None, sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    end_reason: str | None = Field(default=None, sa_type=Text)


class WorkerTaskRow(Row, table=True):
    """A task that a living worker knows; a claim takes no other."""

    __tablename__ = "worker_task"
    __table_args__ = (NARROW,)
    worker_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))
    task: str = Field(sa_column=Column(Text, primary_key=True))


class QueueRow(Row, table=True):
    """Settings of a queue, as ``pqkit.limits.QueueSettings`` explains them. Jobs may stand in a queue that has no row.

    ``limited`` is 1 where a claim must look at more than the queue's head; ``rate_at`` is when the bucket of its rate
    is full again.
    """

    __tablename__ = "queue"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    created_at: int = Field(sa_type=BigInteger)
    paused_at: int | None = Field(default=None, sa_type=BigInteger)
    paused_until: int | None = Field(default=None, sa_type=BigInteger)
    paused_by: str | None = Field(default=None, sa_type=Text)
    pause_reason: str | None = Field(default=None, sa_type=Text)
    limited: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    concurrency: int | None = None
    key_concurrency: int | None = None
    rate: int | None = None
    rate_per: float | None = None
    rate_burst: int | None = None
    rate_at: int | None = Field(default=None, sa_type=BigInteger)
    ageing: float | None = None
    max_retries: int | None = None
    backoff: str | None = Field(default=None, sa_type=Text)
    keep_completed: float | None = None
    keep_dead: float | None = None


class ScheduleRow(Row, table=True):
    """A job that comes again and again, as ``pqkit.timetable.Schedule`` explains it."""

    __tablename__ = "schedule"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    task: str = Field(sa_type=Text)
    args: str = Field(sa_type=Text)
    queue: str = Field(sa_type=Text)
    priority: int
    max_retries: int | None = None
    backoff: str | None = Field(default=None, sa_type=Text)
    timeout: float | None = None
    cron: str | None = Field(default=None, sa_type=Text)
    every: float | None = None
    at: int | None = Field(default=None, sa_type=BigInteger)
    zone: str = Field(sa_type=Text)
    anchor: int = Field(sa_type=BigInteger)
    missed: str = Field(sa_type=Text)
    missed_cap: int
    overlap: str = Field(sa_type=Text)
    next_at: int | None = Field(default=None, sa_type=BigInteger)
    version: int
    created_at: int = Field(sa_type=BigInteger)
    paused_at: int | None = Field(default=None, sa_type=BigInteger)
    paused_by: str | None = Field(default=None, sa_type=Text)
    pause_reason: str | None = Field(default=None, sa_type=Text)


class SlotRow(Row, table=True):
    """A moment of a schedule that has been decided about: ``job_id`` was queued for it, or ``reason`` says why not.

    The key decides: however many tick, a slot has one row, and its job is queued in the transaction that wrote it.
    Slots that were missed in a row share one, with the last of them and their ``count``.
    """

    __tablename__ = "slot"
    __table_args__ = (
        Index(
            "slot_queued",
            "schedule",
            "at",
            sqlite_where=text("job_id IS NOT NULL"),
            postgresql_where=text("job_id IS NOT NULL"),
        ),
        NARROW,
    )
    schedule: str = Field(sa_column=Column(Text, ForeignKey("schedule.name", ondelete="CASCADE"), primary_key=True))
    at: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    until: int = Field(sa_type=BigInteger)
    count: int
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    reason: str | None = Field(default=None, sa_type=Text)
    made_at: int = Field(sa_type=BigInteger)


class DutyRow(Row, table=True):
    """Who does a maintenance duty, until when on the lease clock of which boot."""

    __tablename__ = "duty"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    worker_id: int = Field(sa_type=BigInteger)
    boot_id: str = Field(sa_type=Text)
    until: int = Field(sa_type=BigInteger)


class ActionRow(Row, table=True):
    """What an operator did: who, when, what, why. ``detail`` is a JSON object."""

    __tablename__ = "action"
    __table_args__ = (Index("action_job", "job_id"), Index("action_at", "at"))
    id: int | None = Field(default=None, sa_column=_key())
    at: int = Field(sa_type=BigInteger)
    who: str = Field(sa_type=Text)
    verb: str = Field(sa_type=Text)
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    reason: str | None = Field(default=None, sa_type=Text)
    detail: str = Field(default="{}", sa_type=Text)


class AccountRow(Row, table=True):
    """A person who may log in. ``password`` is its argon2id hash."""

    __tablename__ = "account"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    password: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    changed_at: int = Field(sa_type=BigInteger)


class LoginRow(Row, table=True):
    """A session: ``digest`` is the SHA-256 of the secret that its owner holds."""

    __tablename__ = "login"
    __table_args__ = (Index("login_account", "account"),)
    digest: str = Field(sa_column=Column(Text, primary_key=True))
    account: str = Field(sa_column=Column(Text, ForeignKey("account.name", ondelete="CASCADE"), nullable=False))
    created_at: int = Field(sa_type=BigInteger)
    used_at: int = Field(sa_type=BigInteger)


class ThrottleRow(Row, table=True):
    """Logins that failed of late, by ``subject``: a name or an address. Until ``until`` all others are refused."""

    __tablename__ = "throttle"
    __table_args__ = (Index("throttle_age", "last_at"),)
    subject: str = Field(sa_column=Column(Text, primary_key=True))
    failures: int
    last_at: int = Field(sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger)


class TokenRow(Row, table=True):
    """A token for programs: ``digest`` is the SHA-256 of its secret, ``scopes`` a JSON list."""

    __tablename__ = "token"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    scopes: str = Field(sa_type=Text)
    created_by: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


class SealRow(Row, table=True):
    """A pruned batch, as ``pqkit.seal`` tells it. Two that follow the same one cannot be."""

    __tablename__ = "seal"
    id: int | None = Field(default=None, sa_column=_key())
    at: int = Field(sa_type=BigInteger)
    who: str = Field(sa_type=Text)
    jobs: int
    runs: int
    ids: str = Field(sa_type=Text)
    states: str = Field(sa_type=Text)
    facts: str = Field(sa_type=Text)
    file: str | None = Field(default=None, sa_type=Text)
    start: int | None = Field(default=None, sa_type=BigInteger)
    size: int | None = Field(default=None, sa_type=BigInteger)
    digest: str | None = Field(default=None, sa_type=Text)
    previous: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    checksum: str = Field(sa_type=Text)


class RedriveRow(Row, table=True):
    """Many ended jobs that are resubmitted carefully: a few first, then more and more, while they do not fail again.

    ``canary`` jobs go first, no step is larger than ``most``, and more than the share ``tolerance`` that fails again
    stops it. ``step`` is the size of the last step, ``jobs`` how many were frozen, ``wanted`` the filter in words.
    """

    __tablename__ = "redrive"
    id: int | None = Field(default=None, sa_column=_key())
    at: int = Field(sa_type=BigInteger)
    who: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    wanted: str = Field(default="", sa_type=Text)
    state: str = Field(sa_type=Text)
    canary: int
    most: int
    tolerance: float
    step: int = 0
    jobs: int
    note: str | None = Field(default=None, sa_type=Text)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)


class RedriveJobRow(Row, table=True):
    """A job frozen into a redrive: the state it had then, and while it can be put back, how it had ended (``was``, a
    JSON list of the columns of ``closed``)."""

    __tablename__ = "redrive_job"
    __table_args__ = (Index("redrive_job_by_state", "redrive_id", "state", "job_id"), NARROW)
    redrive_id: int = Field(sa_column=Column(BIG, ForeignKey("redrive.id", ondelete="CASCADE"), primary_key=True))
    job_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))
    frozen_as: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    was: str | None = Field(default=None, sa_type=Text)
    note: str | None = Field(default=None, sa_type=Text)


class RequestRow(Row, table=True):
    """An enqueue that its sender named, so that sending it again queues nothing. ``job_ids`` is a JSON list."""

    __tablename__ = "request"
    __table_args__ = (Index("request_age", "at"),)
    key: str = Field(sa_column=Column(Text, primary_key=True))
    digest: str = Field(sa_type=Text)
    job_ids: str | None = Field(default=None, sa_type=Text)
    at: int = Field(sa_type=BigInteger)


class EventRow(Row, table=True):
    """A job entered a state, or an operator acted (``what`` is ``action``), written by triggers while events are
    recorded. ``tx`` is its transaction on PostgreSQL."""

    __tablename__ = "event"
    __table_args__ = (Index("event_order", "tx", "id"), {"sqlite_autoincrement": True})
    id: int | None = Field(default=None, sa_column=_key())
    tx: int = Field(sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)
    what: str = Field(sa_type=Text)
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    attempt: int | None = None
    note: str | None = Field(default=None, sa_type=Text)


class TraceRow(Row, table=True):
    """The span that queued a job, in the words of W3C's trace context, for the spans of its runs."""

    __tablename__ = "job_trace"
    job_id: int = Field(sa_column=_job_key())
    parent: str = Field(sa_type=Text)


metadata: MetaData = Row.metadata


def table(name: str) -> Table:
    return metadata.tables[name]


# A view, so it has metadata of its own: create_all and the comparison of schemas leave it alone.
job_state = Table(
    "job_state",
    MetaData(),
    *(Column(name, Integer) for name in ("priority", "attempt", "retries", "crashes", "max_retries")),
    *(Column(name, Text) for name in ("queue", "task", "state", "backoff", "unique_key", "assigned_to", "error")),
    *(Column(name, Json) for name in ("args", "result")),
    *(Column(name, BigInteger) for name in ("id", "created_at", "due_at", "claimed_at", "cancel_requested_at")),
    *(Column(name, BigInteger) for name in ("finished_at", "worker_id")),
    Column("timeout", Float),
)
