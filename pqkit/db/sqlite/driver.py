"""Chooses the SQLite library: pysqlite3, without the WAL-reset bug, or else Python's own."""

import importlib
from typing import Any, NamedTuple

FIXED_IN = (3, 51, 3)
WAL_RESET_FIX_BACKPORTED = ((3, 50, 7), (3, 44, 6))


class DriverVersion(NamedTuple):
    module: str
    sqlite: str
    safe: bool


def _load() -> Any:
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return importlib.import_module("sqlite3.dbapi2")


sqlite: Any = _load()
# The driver looks for an adapter of each value that is neither number nor text. For None that search costs more than to
# store the whole row. An adapter that is found at once ends the search; this one, in C, returns None.
sqlite.register_adapter(type(None), {}.get)


def driver_version() -> DriverVersion:
    """The driver and SQLite version in use; ``safe``: without the WAL-reset bug (3.7.0-3.51.2)."""
    version: tuple[int, ...] = sqlite.sqlite_version_info
    backported = any(version[:2] == fix[:2] and version >= fix for fix in WAL_RESET_FIX_BACKPORTED)
    return DriverVersion(sqlite.__name__.split(".")[0], sqlite.sqlite_version, version >= FIXED_IN or backported)


def is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite.OperationalError) and ("locked" in str(error) or "busy" in str(error))


def is_unavailable(error: object) -> bool:
    """True if the database is in trouble: locked, full, read-only, broken or no database.

    False if the statement was wrong.
    """
    wrong_question = (sqlite.IntegrityError, sqlite.ProgrammingError, sqlite.InterfaceError, sqlite.NotSupportedError)
    return isinstance(error, sqlite.DatabaseError) and not isinstance(error, wrong_question)
