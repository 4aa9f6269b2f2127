"""Rewrites hot tables full of dead rows that vacuum cannot remove.

Vacuum cannot remove them while another program's transaction is open. Such a table is truncated and its few live rows
are inserted again, which no snapshot can prevent. Claims wait for the lock for a moment. A query with an older snapshot
would miss the rows, so pqkit's own queries lock the tables before they take a snapshot (see
``PostgresDatabase.look``).
"""

from contextlib import AbstractContextManager
from typing import Protocol

import psycopg

from pqkit.db.postgresql.server_health import dead_rows, horizon
from pqkit.db.postgresql.server_transaction import PostgresTransaction, Server, Write
from pqkit.errors import DatabaseUnavailable

HELD = 10
FEW, MOST = 4_000, 20_000
LOCK_TO_LOOK = "LOCK TABLE ready, lease, delayed IN ACCESS SHARE MODE"


class _Readable(Server, Protocol):
    def read(self) -> AbstractContextManager[PostgresTransaction]: ...


def compact(database: _Readable) -> list[str]:
    """Rewrite these tables, a line for each; skip those in use or with many live rows."""
    with database.read() as tx:
        held = horizon(tx.cursor, HELD) is not None
        full = [found for found in dead_rows(tx.cursor) if found.dead > FEW and found.live <= MOST] if held else []
    return [f"{found.dead} dead rows of {found.table}" for found in full if _write_anew(database, found.table)]


def _write_anew(database: _Readable, table: str) -> bool:
    try:
        with Write(database) as tx:
            run = tx.cursor.execute
            run("SET LOCAL lock_timeout = '100ms'")
            run(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            run(f"CREATE TEMPORARY TABLE pqkit_living ON COMMIT DROP AS TABLE {table}")
            run(f"TRUNCATE {table}")
            run(f"INSERT INTO {table} SELECT * FROM pqkit_living")  # noqa: S608 - names of our own tables
    except DatabaseUnavailable as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            return False
        raise
    return True
