"""Adds schedules and their slots. New tables only."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "schedule",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("task", TEXT, nullable=False),
        sa.Column("args", TEXT, nullable=False),
        sa.Column("queue", TEXT, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("max_retries", sa.Integer(), nullable=True),
        sa.Column("backoff", TEXT, nullable=True),
        sa.Column("timeout", sa.Float(), nullable=True),
        sa.Column("cron", TEXT, nullable=True),
        sa.Column("every", sa.Float(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.Column("zone", TEXT, nullable=False),
        sa.Column("anchor", sa.BigInteger(), nullable=False),
        sa.Column("missed", TEXT, nullable=False),
        sa.Column("missed_cap", sa.Integer(), nullable=False),
        sa.Column("overlap", TEXT, nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("paused_at", sa.BigInteger(), nullable=True),
        sa.Column("paused_by", TEXT, nullable=True),
        sa.Column("pause_reason", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "slot",
        sa.Column("schedule", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["schedule"], ["schedule.name"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("schedule", "at"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "slot_queued",
        "slot",
        ["schedule", "at"],
        sqlite_where=sa.text("job_id IS NOT NULL"),
        postgresql_where=sa.text("job_id IS NOT NULL"),
    )
