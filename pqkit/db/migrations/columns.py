"""Column types and keys for the migrations."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.Text().with_variant(JSONB(), "postgresql")


def on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def key(name: str = "id") -> sa.Column[Any]:
    """A primary key column that the database numbers."""
    return sa.Column(name, BIG, sa.Identity(), nullable=False)


def hot_job_key() -> list[sa.ForeignKeyConstraint]:
    """The foreign key of a hot table to ``job``; none on PostgreSQL.

    There the check of each row costs a third of the throughput and rewrites the wide rows of ``job``, so the trigger
    ``job_forgotten`` replaces the constraint.
    """
    return [] if on_postgresql() else [sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE")]
