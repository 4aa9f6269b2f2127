"""Adds settings of a queue: limits, retries, retention of ended jobs. New columns only."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT

revision = "0004"
down_revision = "0003"

COUNTS = ("concurrency", "key_concurrency", "rate", "rate_burst", "max_retries")
SPANS = ("rate_per", "ageing", "keep_completed", "keep_dead")


def upgrade() -> None:
    op.add_column("queue", sa.Column("limited", sa.Integer(), nullable=False, server_default=sa.text("0")))
    for name in COUNTS:
        op.add_column("queue", sa.Column(name, sa.Integer(), nullable=True))
    for name in SPANS:
        op.add_column("queue", sa.Column(name, sa.Float(), nullable=True))
    op.add_column("queue", sa.Column("rate_at", sa.BigInteger(), nullable=True))
    op.add_column("queue", sa.Column("backoff", TEXT, nullable=True))
