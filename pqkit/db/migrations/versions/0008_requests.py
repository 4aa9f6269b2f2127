"""Adds idempotency keys of enqueue requests. A new table only."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "request",
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("job_ids", TEXT, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("request_age", "request", ["at"])
