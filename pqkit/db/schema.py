"""Which schema a database has, and bringing it up to this program's. Alembic is imported only when there is work."""

from pathlib import Path
from typing import TYPE_CHECKING

from pqkit.db.database import Database
from pqkit.errors import SchemaError

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012", "0015")
HEAD = VERSIONS[-1]


def version(database: Database) -> str | None:
    """The database's schema version; None for a database that holds nothing of pqkit."""
    # By the driver itself: SQLAlchemy is a third of a worker's start.
    with database.in_words(), database.read() as tx:
        tables = {name for (name,) in tx.cursor.execute(database.tables).fetchall()}
        if "alembic_version" in tables:
            found = tx.cursor.execute("SELECT version_num FROM alembic_version").fetchone()
            return None if found is None else str(found[0])
    if tables:
        raise SchemaError(f"{database.name} is a database of something else: it has tables and no pqkit version")
    return None


def check(database: Database) -> None:
    """Return when the database is there and at this program's version; raise SchemaError with the way out otherwise."""
    if not database.exists():
        raise SchemaError(f"{database.name} is not there yet: run `pqkit db init`")
    found = version(database)
    if found != HEAD:
        _refuse_newer(database, found)
        raise SchemaError(
            f"{database.name} has schema {found or 'none'}, this pqkit needs {HEAD}: run `pqkit db upgrade`"
        )


def ensure(database: Database) -> bool:
    """Create or upgrade what is needed, once, however many processes start together; True when something was done.

    Raises UnsupportedUrl for a place where a database would break.
    """
    database.refuse_bad_place()
    if database.exists() and version(database) == HEAD:
        return False
    database.create()
    with database.in_words(), database.engine.begin() as connection:
        database.lock_schema(connection)  # whoever comes second finds the work done
        found = version(database)
        if found == HEAD:
            return False
        _refuse_newer(database, found)
        migrate(connection)
    return True


def _refuse_newer(database: Database, found: str | None) -> None:
    if found is not None and found not in VERSIONS:
        raise SchemaError(
            f"{database.name} has schema {found}, newer than this pqkit's {HEAD}: upgrade pqkit; nothing was changed"
        )


def migrate(connection: "Connection", to: str = "head") -> None:
    """Run the migrations up to that version, inside the connection's transaction."""
    from alembic import command  # noqa: PLC0415 - costs 0.2 s that a worker's start does not need
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
