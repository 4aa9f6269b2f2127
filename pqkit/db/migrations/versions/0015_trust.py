"""Adds failing duties, steps of the wall clock, and seals over the operators' actions.

Older workers leave rows unsealed.
"""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import BIG, TEXT, key

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "duty_failure",
        sa.Column("worker_id", BIG, autoincrement=False, nullable=False),
        sa.Column("duty", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("error", TEXT, nullable=False),
        sa.Column("resigned", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id", "duty"),
    )
    op.create_table(
        "clock_step",
        key(),
        sa.Column("boot_id", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ahead", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "trail",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("actions", sa.BigInteger(), nullable=False),
        sa.Column("checksum", TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("action", sa.Column("place", sa.BigInteger(), nullable=True))
    op.add_column("action", sa.Column("checksum", TEXT, nullable=True))
    op.create_index(
        "action_unsealed",
        "action",
        ["id"],
        sqlite_where=sa.text("place IS NULL"),
        postgresql_where=sa.text("place IS NULL"),
    )
    # Rows of older versions stay unsealed.
    op.execute("INSERT INTO trail SELECT 'actions', 0, '', coalesce(max(id), 0) FROM action")
