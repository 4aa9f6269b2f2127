"""Adds samples of the database and each queue, error groups and forecasts.

Older workers keep working.
"""

import sqlalchemy as sa
from alembic import op

from pqkit.db.migrations.columns import TEXT, key

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("rollup", sa.Column("error", TEXT, nullable=False, server_default=""))
    op.add_column("rollup", sa.Column("example", TEXT, nullable=True))
    op.add_column("rollup", sa.Column("example_job", sa.BigInteger(), nullable=True))
    failed = sa.text("error <> ''")
    op.create_index("rollup_errors", "rollup", ["at"], sqlite_where=failed, postgresql_where=failed)
    op.create_index("action_at", "action", ["at"])
    _samples("pulse", *_numbers("samples", "workers", "slots", "busy"), _big("memory"), *_pulse())
    _samples(
        "depth",
        sa.Column("queue", TEXT, nullable=False),
        *_numbers("pending", "scheduled", "retrying", "processing"),
        _big("oldest", nullable=True),
    )
    moments = [_big(name, nullable=True) for name in ("earliest", "likely", "latest", "decided_at")]
    op.create_table(
        "forecast",
        key(),
        _big("at"),
        sa.Column("queue", TEXT, nullable=False),
        *_numbers("pending"),
        *moments,
        sa.Column("hit", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("forecast_decided", "forecast", ["decided_at"])


def _samples(name: str, *columns: sa.Column[int] | sa.Column[str]) -> None:
    op.create_table(name, key(), _big("at"), *_numbers("width"), *columns, sa.PrimaryKeyConstraint("id"))
    op.create_index(f"{name}_by_width", name, ["width", "at"])


def _pulse() -> list[sa.Column[int]]:
    unknown = ("commit_time", "commit_most", "database_size", "log_size", "disk_free")
    known = ("completed", "failed", "unprocessable", "canceled", "counted_to")
    return [*(_big(name, nullable=True) for name in unknown), *(_big(name) for name in known)]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer(), nullable=False) for name in names]


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)
