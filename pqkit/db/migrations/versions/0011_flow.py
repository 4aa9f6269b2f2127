"""Adds limit keys, unique keys kept after a job's end, and dependencies. Rewrites no table."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import BIG, TEXT

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("job", sa.Column("limit_key", TEXT, nullable=True))
    op.add_column("ready", sa.Column("limit_key", TEXT, nullable=True))
    op.add_column("unique_hold", sa.Column("kept", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index(
        "ready_keyed",
        "ready",
        ["queue", "priority", "limit_key", "job_id"],
        sqlite_where=sa.text("limit_key IS NOT NULL"),
        postgresql_where=sa.text("limit_key IS NOT NULL"),
    )
    op.create_table(
        "dependent",
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("batch", TEXT, nullable=True),
        sa.Column("on_fail", TEXT, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index(
        "dependent_waiting",
        "dependent",
        ["job_id"],
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "dependency",
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("on_job_id", BIG, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "on_job_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("dependency_on", "dependency", ["on_job_id"])
