"""Which schema a database has, and bringing it up to this program's. Alembic is imported only when there is work."""

import os
from pathlib import Path

from pqkit.db.disk import refuse_network
from pqkit.db.driver import sqlite
from pqkit.db.engine import Database
from pqkit.errors import DatabaseUnavailable, SchemaError

VERSIONS = ("0001", "0002")
HEAD = VERSIONS[-1]


def version(database: Database) -> str | None:
    """The database's schema version; None for a database that holds nothing of pqkit."""
    # By the driver itself: SQLAlchemy is a third of a worker's start.
    with database.in_words(), database.read() as tx:
        found = tx.cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = {name for (name,) in found}
        if "alembic_version" in tables:
            row = tx.cursor.execute("SELECT version_num FROM alembic_version").fetchone()
            return None if row is None else str(row[0])
    if tables - {"sqlite_sequence"}:
        raise SchemaError(f"{database.path} is a database of something else: it has tables and no pqkit version")
    return None


def check(database: Database) -> None:
    """Return when the database is there and at this program's version; raise SchemaError with the way out otherwise."""
    if not database.path.exists():
        raise SchemaError(f"{database.path} is not there yet: run `pqkit db init`")
    found = version(database)
    if found != HEAD:
        _refuse_newer(database, found)
        raise SchemaError(
            f"{database.path} has schema {found or 'none'}, this pqkit needs {HEAD}: run `pqkit db upgrade`"
        )


def ensure(database: Database) -> bool:
    """Create or upgrade what is needed, once, however many processes start together; True when something was done.

    Raises UnsupportedUrl for a place where a database would break.
    """
    refuse_network(database.path)
    if database.path.exists() and version(database) == HEAD:
        return False
    _make_file(database)
    with database.engine.begin() as connection:  # BEGIN IMMEDIATE: whoever comes second finds the work done
        found = version(database)
        if found == HEAD:
            return False
        _refuse_newer(database, found)
        _upgrade(connection)
    return True


def _refuse_newer(database: Database, found: str | None) -> None:
    if found is not None and found not in VERSIONS:
        raise SchemaError(
            f"{database.path} has schema {found}, newer than this pqkit's {HEAD}: upgrade pqkit; nothing was changed"
        )


def _make_file(database: Database) -> None:
    """An empty database in WAL mode, private to its owner, whose directory entry is on disk."""
    folder = database.path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(database.path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite.connect(str(database.path), isolation_level=None, timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
        folder_fd = os.open(folder, os.O_RDONLY)
        os.fsync(folder_fd)
        os.close(folder_fd)
    except (OSError, sqlite.DatabaseError) as error:
        raise DatabaseUnavailable(f"cannot create {database.path}: {error}") from error


def _upgrade(connection: object) -> None:
    from alembic import command  # noqa: PLC0415 - costs 0.2 s that a worker's start does not need
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
