"""Adds accounts, sessions, tokens and failed logins.

New tables only: older programs keep working.
"""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("name", TEXT, primary_key=True),
        *_texts("password", "role"),
        *_times("created_at", "changed_at"),
    )
    op.create_table(
        "login",
        sa.Column("digest", TEXT, primary_key=True),
        *_texts("account"),
        *_times("created_at", "used_at"),
        sa.ForeignKeyConstraint(["account"], ["account.name"], ondelete="CASCADE"),
    )
    op.create_index("login_account", "login", ["account"])
    op.create_table(
        "throttle",
        sa.Column("subject", TEXT, primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        *_times("last_at", "until"),
    )
    op.create_index("throttle_age", "throttle", ["last_at"])
    op.create_table(
        "token",
        sa.Column("id", TEXT, primary_key=True),
        *_texts("name", "digest", "scopes", "created_by"),
        *_times("created_at"),
        *_times("expires_at", "used_at", "revoked_at", nullable=True),
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _times(*names: str, nullable: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=nullable) for name in names]
