"""Adds hook calls, workers' own clock readings, and when each clock step was last seen."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT, key

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("worker", sa.Column("machine_at", sa.BigInteger(), nullable=True))
    op.add_column("clock_step", sa.Column("last_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "hook",
        sa.Column("state", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state"),
    )
    op.create_table(
        "hook_call",
        key(),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("task", TEXT, nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("error", TEXT, nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.Column("caller", sa.BigInteger(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("hook_call_by_caller", "hook_call", ["caller", "id"])
