"""Queues and schedules."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, text
from sqlmodel import Field

from pqkit.models.base import Row
from pqkit.models.types import NARROW, Text


class QueueRow(Row, table=True):
    """A queue's settings (see ``pqkit.domain.queue_limits.QueueSettings``).

    A queue may have jobs without having a row. ``limited`` is 1 if a claim must check more than the queue's head;
    ``rate_at`` is when the bucket of its rate limit is full again.
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
    """A recurring job (see ``pqkit.domain.schedule_times.Schedule``)."""

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
    """A past slot of a schedule: the job that was enqueued for it, or the ``reason`` for none.

    The key ensures that a slot has one row, even if several schedulers tick. The job is enqueued in the transaction
    that writes the row. Consecutive missed slots share one row, with the last slot and their ``count``.
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
