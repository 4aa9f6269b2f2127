"""Adds the event stream of jobs. A new table only, empty until events are watched."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT, key

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "event",
        key(),
        sa.Column("tx", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", TEXT, nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("note", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("event_order", "event", ["tx", "id"])
