"""The kinds of columns, as the migrations say them."""

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
    """A key that the database counts up."""
    return sa.Column(name, BIG, sa.Identity(), nullable=False)


def hot_job_key() -> list[sa.ForeignKeyConstraint]:
    """On PostgreSQL checking each row written costs a third of the throughput and rewrites the wide rows of ``job``;
    there the trigger ``job_forgotten`` does what the constraint does elsewhere."""
    return [] if on_postgresql() else [sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE")]
