"""Reads a database's schema version and migrates it to this program's.

Alembic is imported only when there is a migration to run.
"""

from collections.abc import Collection, Container
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pqkit.db import fork_safety
from pqkit.db.base import Database
from pqkit.db.table_guard import MARKS, OURS, VERSION_TABLE
from pqkit.db.transaction import Transaction
from pqkit.errors import SchemaError

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSIONS = (
    *("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010"),
    *("0011", "0012", "0013", "0014", "0015", "0016"),
)
HEAD = VERSIONS[-1]


SHARED_TABLE, LAST_SHARED = "alembic_version", "0012"
"""The version table up to that version. A carried-over database keeps it for older programs."""
VERSION_TABLES = frozenset({VERSION_TABLE, SHARED_TABLE})
_turn = fork_safety.Mutex()


class Found(NamedTuple):
    """A schema's version; ``own`` is true if the queue's own table holds it."""

    version: str | None
    own: bool = True


def version(database: Database) -> str | None:
    """The database's schema version; None for a database that holds nothing of pqkit."""
    return _find(database).version


def _find(database: Database) -> Found:
    # Through the driver itself: importing SQLAlchemy takes a third of a worker's start.
    with database.in_words(), database.read() as tx:
        tables = {name for (name,) in tx.cursor.execute(database.tables).fetchall()}
        found = Found(_version_in(tx, VERSION_TABLE, tables))
        if found.version is None and tables >= MARKS:
            found = Found(_shared_version(tx, tables), own=False)
    if found.version is None and tables - {VERSION_TABLE}:
        _refuse_strangers(database, tables)
    return found


def _version_in(tx: Transaction, table: str, tables: Container[str]) -> str | None:
    if table not in tables:
        return None
    found = tx.cursor.execute(f"SELECT version_num FROM {table}").fetchone()  # noqa: S608 - one of our two names
    return None if found is None else str(found[0])


def _shared_version(tx: Transaction, tables: Container[str]) -> str | None:
    """The version in the table used before; an application's own version does not count."""
    found = _version_in(tx, SHARED_TABLE, tables)
    return found if found in VERSIONS else None


def _refuse_strangers(database: Database, tables: Collection[str]) -> None:
    """Raise SchemaError for a foreign database.

    An application that migrates by Alembic may share its database with the queue, if no table name is taken.
    """
    from pqkit.models import metadata  # noqa: PLC0415 - not for a queue that is there

    taken = sorted(metadata.tables.keys() & tables)
    if SHARED_TABLE not in tables:
        raise SchemaError(f"{database.name} is a database of something else: it has tables and no pqkit version")
    if taken:
        raise SchemaError(f"{database.name} is a database of something else, which has a table {taken[0]} of its own")


def check(database: Database) -> None:
    """Raise SchemaError, with the way out, unless the database has this program's version."""
    if not database.exists():
        raise SchemaError(f"{database.name} is not there yet: run `pqkit db init`")
    found = version(database)
    if found != HEAD:
        _refuse_newer(database, found)
        raise SchemaError(
            f"{database.name} has schema {found or 'none'}, this pqkit needs {HEAD}: run `pqkit db upgrade`"
        )


def ensure(database: Database) -> bool:
    """Create or upgrade the schema if needed; True if something was done.

    It runs once, even if many threads and processes start together. Raises UnsupportedUrl for a location where a
    database would break.
    """
    database.refuse_bad_place()
    with _turn:  # Alembic runs one migration at a time in a process
        if database.exists() and _find(database) == (HEAD, True):
            return False
        database.create()
        with database.in_words(), database.change_schema() as connection:  # a second process finds the work done
            found = _find(database)
            if found == (HEAD, True):
                return False
            _refuse_newer(database, found.version)
            migrate(connection)
    return True


def _refuse_newer(database: Database, found: str | None) -> None:
    if found is not None and found not in VERSIONS:
        raise SchemaError(
            f"{database.name} has schema {found}, newer than this pqkit's {HEAD}: upgrade pqkit; nothing was changed"
        )


def migrate(connection: "Connection", to: str = "head") -> None:
    """Run the migrations up to version ``to``, inside the connection's transaction."""
    from alembic import command  # noqa: PLC0415 - costs 0.2 s that a worker's start does not need
    from alembic.config import Config  # noqa: PLC0415

    _carry_over(connection)

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection.execution_options(**{OURS: True})
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, to)


def _carry_over(connection: "Connection") -> None:
    """Give a database from before ``VERSION_TABLE`` a version table of its own.

    An older program must not upgrade it again, so the shared table stays at the last version that those programs know.
    """
    from sqlalchemy import inspect  # noqa: PLC0415 - see migrate

    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables or SHARED_TABLE not in tables or not tables >= MARKS:
        return
    for statement in (
        f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        f"INSERT INTO {VERSION_TABLE} SELECT version_num FROM {SHARED_TABLE}",  # noqa: S608 - our own names
        f"UPDATE {SHARED_TABLE} SET version_num = '{LAST_SHARED}' WHERE version_num < '{LAST_SHARED}'",  # noqa: S608 - see above
    ):
        connection.exec_driver_sql(statement)
