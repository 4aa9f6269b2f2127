"""Adds login devices, the expiry of a confirmation, salts. Older programs keep working."""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("login", sa.Column("confirmed_until", sa.BigInteger(), nullable=True))
    op.create_table(
        "device",
        sa.Column("digest", TEXT, primary_key=True),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.name"], ondelete="CASCADE"),
    )
    op.create_index("device_account", "device", ["account"])
    op.create_table("salt", sa.Column("name", TEXT, primary_key=True), sa.Column("value", TEXT, nullable=False))
