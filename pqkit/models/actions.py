"""History: operators' actions, redrives, seals of pruned jobs, idempotency keys, events."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, text
from sqlmodel import Field

from pqkit.models.base import Row, key
from pqkit.models.types import BIG, NARROW, Text


class ActionRow(Row, table=True):
    """An operator's action: who, when, what, why; ``detail`` is a JSON object.

    ``place`` is the action's number in the chain of seals, and ``checksum`` its seal, which covers all earlier actions;
    both are NULL until it is sealed.
    """

    __tablename__ = "action"
    __table_args__ = (
        Index("action_job", "job_id"),
        Index("action_at", "at"),
        Index("action_unsealed", "id", sqlite_where=text("place IS NULL"), postgresql_where=text("place IS NULL")),
    )
    id: int | None = Field(default=None, sa_column=key())
    at: int = Field(sa_type=BigInteger)
    who: str = Field(sa_type=Text)
    verb: str = Field(sa_type=Text)
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    reason: str | None = Field(default=None, sa_type=Text)
    detail: str = Field(default="{}", sa_type=Text)
    place: int | None = Field(default=None, sa_type=BigInteger)
    checksum: str | None = Field(default=None, sa_type=Text)


class TrailRow(Row, table=True):
    """The number of sealed actions and the last seal, so that a deletion at the end is detected.

    Actions up to the id ``since`` are older than the seals.
    """

    __tablename__ = "trail"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    actions: int = Field(sa_type=BigInteger)
    checksum: str = Field(sa_type=Text)
    since: int = Field(sa_type=BigInteger)


class SealRow(Row, table=True):
    """A pruned batch (see ``pqkit.audit.seals``); two seals cannot have the same ``previous``."""

    __tablename__ = "seal"
    id: int | None = Field(default=None, sa_column=key())
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
    """A bulk resubmit of ended jobs: a few first, then growing steps while few fail again.

    ``canary`` jobs go first, and no step is larger than ``most``. If more than the share ``tolerance`` fails again, the
    redrive stops. ``step`` is the size of the last step, ``jobs`` the number of frozen jobs, ``wanted`` the filter in
    words.
    """

    __tablename__ = "redrive"
    id: int | None = Field(default=None, sa_column=key())
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
    """A job frozen into a redrive, with the state that it had then.

    ``was`` is how it had ended, while that can be restored: a JSON list of the columns of ``closed``.
    """

    __tablename__ = "redrive_job"
    __table_args__ = (Index("redrive_job_by_state", "redrive_id", "state", "job_id"), NARROW)
    redrive_id: int = Field(sa_column=Column(BIG, ForeignKey("redrive.id", ondelete="CASCADE"), primary_key=True))
    job_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))
    frozen_as: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    was: str | None = Field(default=None, sa_type=Text)
    note: str | None = Field(default=None, sa_type=Text)


class RequestRow(Row, table=True):
    """An idempotency key: an enqueue sent again inserts nothing; ``job_ids`` is a JSON list."""

    __tablename__ = "request"
    __table_args__ = (Index("request_age", "at"),)
    key: str = Field(sa_column=Column(Text, primary_key=True))
    digest: str = Field(sa_type=Text)
    job_ids: str | None = Field(default=None, sa_type=Text)
    at: int = Field(sa_type=BigInteger)


class EventRow(Row, table=True):
    """An event: a job entered a state, or an operator acted (``what`` is ``action``).

    Triggers write events while they are recorded. ``tx`` is the transaction on PostgreSQL.
    """

    __tablename__ = "event"
    __table_args__ = (Index("event_order", "tx", "id"), {"sqlite_autoincrement": True})
    id: int | None = Field(default=None, sa_column=key())
    tx: int = Field(sa_type=BigInteger)
    at: int = Field(sa_type=BigInteger)
    what: str = Field(sa_type=Text)
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    attempt: int | None = None
    note: str | None = Field(default=None, sa_type=Text)
