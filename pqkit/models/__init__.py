"""The tables. A job's state is the table that holds its row.

The state tables are ``ready``, ``delayed``, ``lease`` and ``closed``.

Times are integers: microseconds since 1970 UTC. The hot path does not use these classes, only their tables.
"""

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, Table

from pqkit.models import accounts, actions, jobs, measurements, queues, workers
from pqkit.models.base import Row
from pqkit.models.types import Json, Text

__all__ = ["accounts", "actions", "job_state", "jobs", "measurements", "metadata", "queues", "table", "workers"]

metadata: MetaData = Row.metadata


def table(name: str) -> Table:
    return metadata.tables[name]


# A view, so it has metadata of its own: create_all and the comparison of schemas ignore it.
job_state = Table(
    "job_state",
    MetaData(),
    *(Column(name, Integer) for name in ("priority", "attempt", "retries", "crashes", "max_retries")),
    *(Column(name, Text) for name in ("queue", "task", "state", "backoff", "unique_key", "assigned_to", "error")),
    *(Column(name, Json) for name in ("args", "result")),
    *(Column(name, BigInteger) for name in ("id", "created_at", "due_at", "claimed_at", "cancel_requested_at")),
    *(Column(name, BigInteger) for name in ("finished_at", "worker_id")),
    Column("timeout", Float),
)
