"""Adds redrives: bulk resubmits that start with a canary and can stop. New tables only."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import BIG, TEXT, key

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "redrive",
        key(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("wanted", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("canary", sa.Integer(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("tolerance", sa.Float(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "redrive_job",
        sa.Column("redrive_id", BIG, nullable=False),
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("frozen_as", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("was", TEXT, nullable=True),
        sa.Column("note", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["redrive_id"], ["redrive.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("redrive_id", "job_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("redrive_job_by_state", "redrive_job", ["redrive_id", "state", "job_id"])
