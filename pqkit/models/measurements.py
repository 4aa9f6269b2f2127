"""Measures: what workers and maintenance write once a second, and forecasts from it."""

from sqlalchemy import BigInteger, Index, text
from sqlmodel import Field

from pqkit.models.base import Row, key
from pqkit.models.types import Text


class RollupRow(Row, table=True):
    """How the runs ended that ended in the ``width`` seconds from ``at`` on: written once a second by each worker, and
    merged into wider rows (``worker_id`` 0) by maintenance.

    ``waited`` and ``ran`` are microseconds in all; ``waits`` and ``runs`` are histograms, JSON objects from the index
    of a bucket (``pqkit.domain.histogram``) to how many runs fell into it. The last second of a worker that was killed
    is not in here; the attempts tell it.

    Runs that failed have the pattern of their ``error``, and the last error and job as an
    example. Jobs that came are counted too, by maintenance, in the second of their creation: outcome ``enqueued``.
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
    """A sample of the whole, taken by maintenance about once a second; wider rows hold means, and the greatest for
    ``commit_most``, the last of what only grows.

    So many ``samples`` are in it. ``memory`` and sizes are bytes (None where they cannot be known), commit times
    microseconds of the sample's own commit; then the jobs that have ended, by state, and the id up to which jobs that
    came are counted.
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
    """A queue's unfinished jobs at the time of a pulse, by state, and for how many microseconds the oldest pending one
    has waited. A queue without any has no row. Wider rows hold means over the pulses, and the oldest of all."""

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
    """When a queue was expected to have no pending job any more, and whether it came so.

    Moments in microseconds UTC; no ``likely`` says that it will not drain, no ``latest`` that it may not. ``hit`` is
    decided at ``decided_at``, None for one that can no longer be judged.
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
