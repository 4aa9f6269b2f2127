"""Adds roll-ups of run outcomes, so that charts need not count jobs.

New tables only: older workers keep working.
"""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT, key

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "rollup",
        key(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("task", TEXT, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("worker_id", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("waited", sa.BigInteger(), nullable=False),
        sa.Column("ran", sa.BigInteger(), nullable=False),
        sa.Column("waits", TEXT, nullable=False),
        sa.Column("runs", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("rollup_by_width", "rollup", ["width", "at"])
