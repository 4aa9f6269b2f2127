"""Adds seals of pruned jobs. A new table only: older workers keep working but do not prune."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT, key

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "seal",
        key(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", TEXT, nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("ids", TEXT, nullable=False),
        sa.Column("states", TEXT, nullable=False),
        sa.Column("facts", TEXT, nullable=False),
        sa.Column("file", TEXT, nullable=True),
        sa.Column("start", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("digest", TEXT, nullable=True),
        sa.Column("previous", TEXT, nullable=False, unique=True),
        sa.Column("checksum", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
