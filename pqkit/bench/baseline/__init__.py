"""The yardstick for speed: the bare driver with the least SQL that a queue needs.

One table and one partial index, on one kept connection with pqkit's own settings.
"""

from pqkit.bench.baseline.raw_queue import Raw, rate
from pqkit.db.base import Durability
from pqkit.db.connect import connect
from pqkit.db.sqlite.database import SqliteDatabase

__all__ = ["Raw", "rate", "yardstick"]


def yardstick(url: str, durability: Durability, *, made: bool = False) -> Raw:
    """Open a raw queue in an empty database, or in one where another process has ``made`` it."""
    database = connect(url, durability)
    if isinstance(database, SqliteDatabase):
        from pqkit.bench.baseline.sqlite_queue import RawSqlite  # noqa: PLC0415 - the driver of one database is enough

        return RawSqlite(database, made=made)
    from pqkit.bench.baseline.postgresql_queue import RawPostgres  # noqa: PLC0415 - see above

    return RawPostgres(url, durability, made=made)
