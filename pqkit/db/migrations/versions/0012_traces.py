"""Adds trace contexts of jobs, for programs that trace. A new table only."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import BIG, TEXT

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "job_trace",
        sa.Column("job_id", BIG, autoincrement=False, nullable=False),
        sa.Column("parent", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id"),
    )
