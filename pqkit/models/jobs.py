"""Jobs: the request, the four state tables, and the records of runs."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, text
from sqlmodel import Field

from pqkit.domain.states import JobState, Place
from pqkit.models.base import Row, job_key, key, one_of
from pqkit.models.types import BIG, NARROW, Json, Text


class JobRow(Row, table=True):
    """A job as it was enqueued. The hot path writes it once and never updates it."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("max_retries >= 0", name="job_max_retries"),
        CheckConstraint("timeout IS NULL OR timeout > 0", name="job_timeout"),
        {"sqlite_autoincrement": True},
    )
    id: int | None = Field(default=None, sa_column=key())
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
    """A due job, waiting since ``since``; a claim takes the first rows in key order.

    ``assigned_to`` names the only worker that may take it. A ``suspect`` ran beside other jobs when their worker died:
    it runs alone until it is found guilty or clean.

    No foreign key: the search for children would scan this table for each deleted job, and only closed jobs are
    deleted.
    """

    __tablename__ = "ready"
    __table_args__ = (
        Index(
            "ready_suspect",
            "suspect",  # always 1: makes SQLite prefer this index to the key
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
    """A job that is not due yet, or between two attempts."""

    __tablename__ = "delayed"
    __table_args__ = (
        CheckConstraint(one_of("state", Place.DELAYED), name="delayed_state"),
        Index("delayed_job", "job_id", unique=True),
        Index("delayed_by_state", "state", "due_at"),
        NARROW,
    )
    due_at: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    job_id: int = Field(sa_column=job_key())
    state: JobState = Field(sa_type=Text)
    attempt: int = 0
    retries: int = 0
    crashes: int = 0
    error: str | None = Field(default=None, sa_type=Text)
    assigned_to: str | None = Field(default=None, sa_type=Text)


class LeaseRow(Row, table=True):
    """A worker's right to run one attempt; the key makes two live leases on a job impossible."""

    __tablename__ = "lease"
    __table_args__ = (CheckConstraint("attempt > 0", name="lease_attempt"), Index("lease_by_worker", "worker_id"))
    job_id: int = Field(sa_column=job_key())
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
        CheckConstraint(one_of("state", Place.CLOSED), name="closed_state"),
        Index("closed_by_state", "state", "finished_at"),
    )
    job_id: int = Field(sa_column=job_key())
    state: JobState = Field(sa_type=Text)
    finished_at: int = Field(sa_type=BigInteger)
    attempt: int
    retries: int
    crashes: int
    result: str | None = Field(default=None, sa_type=Json)
    error: str | None = Field(default=None, sa_type=Text)


class AttemptRow(Row, table=True):
    """Append-only history: one row for each run, written when it ends, however it ends.

    ``next_at`` is the due time of the next run, if there is one.
    """

    __tablename__ = "attempt"
    __table_args__ = (NARROW,)
    job_id: int = Field(sa_column=job_key())
    attempt: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    worker_id: int = Field(sa_type=BigInteger)
    claimed_at: int = Field(sa_type=BigInteger)
    started_at: int | None = Field(default=None, sa_type=BigInteger)
    ended_at: int = Field(sa_type=BigInteger)
    outcome: str = Field(sa_type=Text)
    error: str | None = Field(default=None, sa_type=Text)
    next_at: int | None = Field(default=None, sa_type=BigInteger)


class RefusalRow(Row, table=True):
    """A finish that the fence refused: the worker had lost its lease."""

    __tablename__ = "refusal"
    id: int | None = Field(default=None, sa_column=key())
    at: int = Field(sa_type=BigInteger)
    job_id: int = Field(sa_type=BigInteger)
    attempt: int
    worker_id: int = Field(sa_type=BigInteger)
    outcome: str = Field(sa_type=Text)


class HoldRow(Row, table=True):
    """The unfinished job that holds a unique key of its queue; ``kept``: until it is deleted."""

    __tablename__ = "unique_hold"
    __table_args__ = (Index("unique_hold_job", "job_id", unique=True), NARROW)
    queue: str = Field(sa_column=Column(Text, primary_key=True))
    unique_key: str = Field(sa_column=Column(Text, primary_key=True))
    job_id: int = Field(sa_column=Column(BIG, ForeignKey("job.id", ondelete="CASCADE"), nullable=False))
    kept: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))


class DependentRow(Row, table=True):
    """A job that waits in ``delayed``, without a due time, until other jobs have ended.

    A batch is such a job with a name. All its dependencies with ids up to ``passed`` have ended. ``on_fail`` says what
    happens to the job if one of them does not complete; ``due_at`` is its earliest due time.
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
    job_id: int = Field(sa_column=job_key())
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
    job_id: int = Field(sa_column=job_key())
    on_job_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))


class FileIntentRow(Row, table=True):
    """A staged file of an accepted finish, not yet renamed to its target."""

    __tablename__ = "file_intent"
    __table_args__ = (NARROW,)
    job_id: int = Field(sa_column=job_key())
    staged: str = Field(sa_column=Column(Text, primary_key=True))
    target: str = Field(sa_type=Text)


class ProgressRow(Row, table=True):
    """The last progress that a running attempt reported."""

    __tablename__ = "progress"
    job_id: int = Field(sa_column=job_key())
    attempt: int
    at: int = Field(sa_type=BigInteger)
    fraction: float
    note: str = Field(default="", sa_type=Text)


class LogRow(Row, table=True):
    """A log line that a handler stored with its job."""

    __tablename__ = "job_log"
    __table_args__ = (Index("job_log_job", "job_id", "id"),)
    id: int | None = Field(default=None, sa_column=key())
    job_id: int = Field(sa_column=Column(BIG, ForeignKey("job.id", ondelete="CASCADE"), nullable=False))
    attempt: int
    at: int = Field(sa_type=BigInteger)
    line: str = Field(sa_type=Text)


class TraceRow(Row, table=True):
    """The span that enqueued a job, as a W3C ``traceparent``; the parent of its runs' spans."""

    __tablename__ = "job_trace"
    job_id: int = Field(sa_column=job_key())
    parent: str = Field(sa_type=Text)
