"""When each span of the wall clock was last seen, and what a worker's machine read at its last beat."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("worker", sa.Column("machine_at", sa.BigInteger(), nullable=True))
    op.add_column("clock_step", sa.Column("last_at", sa.BigInteger(), nullable=True))
