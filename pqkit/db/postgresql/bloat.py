"""Hot tables that are full of dead rows which nobody may remove while a stranger's transaction is open.

Such a table is emptied and its few living rows are written again, which no snapshot can forbid: a moment under a lock
that claims wait for. A look that has taken its snapshot before and reads the table after would miss its rows, so ours
lock the tables before they take one (see ``PostgresDatabase.look``).
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
    """Write those tables anew; a line for each. One that is in use, or has many living rows, is left for later."""
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
