"""Metrics that workers and maintenance write once a second, and forecasts from them."""

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field

from pqkit.models.base import Row, key
from pqkit.models.types import Text


class RollupRow(Row, table=True):
    """The number of runs that ended in the ``width`` seconds from ``at`` on, by outcome.

    Each worker writes them once a second; maintenance merges them into wider rows (``worker_id`` 0).

    ``waited`` and ``ran`` are total microseconds. ``waits`` and ``runs`` are histograms: JSON objects from the index of
    a bucket (``pqkit.domain.histogram``) to its number of runs. The last second of a killed worker is missing here; the
    attempts have it.

    Failed runs have the pattern of their ``error``, with the last error and job as an example. Maintenance also counts
    new jobs, in the second of their creation, as outcome ``enqueued``.
    """

    __tablename__ = "rollup"
    __table_args__ = (
        Index("rollup_by_width", "width", "at"),
        Index("rollup_errors", "at", sqlite_where=text("error <> ''"), postgresql_where=text("error <> ''")),
    )
    id: int | None = Field(default=None, sa_column=key())
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
    """A sample of the whole database, taken by maintenance about once a second.

    Wider rows merge ``samples`` samples: means of gauges, the maximum for ``commit_most``, the last value of counters.

    ``memory`` and sizes are in bytes (None if unknown). Commit times are microseconds of the sample's own commit. The
    counters are the jobs that have ended, by state; new jobs are counted up to the id ``counted_to``.
    """

    __tablename__ = "pulse"
    __table_args__ = (Index("pulse_by_width", "width", "at"),)
    id: int | None = Field(default=None, sa_column=key())
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
    """A queue's unfinished jobs by state, at a pulse; a queue without any has no row.

    ``oldest`` is the wait of the oldest pending job in microseconds. Wider rows hold means over the pulses, and the
    maximum of ``oldest``.
    """

    __tablename__ = "depth"
    __table_args__ = (Index("depth_by_width", "width", "at"),)
    id: int | None = Field(default=None, sa_column=key())
    at: int = Field(sa_type=BigInteger)
    width: int
    queue: str = Field(sa_type=Text)
    pending: int
    scheduled: int
    retrying: int
    processing: int
    oldest: int | None = Field(default=None, sa_type=BigInteger)


class ForecastRow(Row, table=True):
    """A forecast of when a queue will have no pending jobs, and whether it was right (``hit``).

    Times are microseconds UTC. Without ``likely`` the queue will not drain; without ``latest`` it may not. ``hit`` is
    set at ``decided_at``, and is None if the forecast can no longer be judged.
    """

    __tablename__ = "forecast"
    __table_args__ = (Index("forecast_decided", "decided_at"),)
    id: int | None = Field(default=None, sa_column=key())
    at: int = Field(sa_type=BigInteger)
    queue: str = Field(sa_type=Text)
    pending: int
    earliest: int | None = Field(default=None, sa_type=BigInteger)
    likely: int | None = Field(default=None, sa_type=BigInteger)
    latest: int | None = Field(default=None, sa_type=BigInteger)
    decided_at: int | None = Field(default=None, sa_type=BigInteger)
    hit: int | None = None
