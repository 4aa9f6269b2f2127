"""The SQLite library in use: pysqlite3 bundles one without the WAL-reset bug, Python's own serves elsewhere."""

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
# What is neither number nor text the driver offers to adapters, None too, and its search costs more for each NULL than
# to store the whole row. An adapter that is found at once ends the search; this one, in C, answers None.
sqlite.register_adapter(type(None), {}.get)


def driver_version() -> DriverVersion:
    """Which driver and SQLite this process uses; ``safe`` says that it is free of the WAL-reset bug (3.7.0-3.51.2)."""
    version: tuple[int, ...] = sqlite.sqlite_version_info
    backported = any(version[:2] == fix[:2] and version >= fix for fix in WAL_RESET_FIX_BACKPORTED)
    return DriverVersion(sqlite.__name__.split(".")[0], sqlite.sqlite_version, version >= FIXED_IN or backported)


def is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite.OperationalError) and ("locked" in str(error) or "busy" in str(error))


def is_unavailable(error: object) -> bool:
    """The database, and not what was asked of it, is the trouble: locked, full, read-only, broken, no database."""
    wrong_question = (sqlite.IntegrityError, sqlite.ProgrammingError, sqlite.InterfaceError, sqlite.NotSupportedError)
    return isinstance(error, sqlite.DatabaseError) and not isinstance(error, wrong_question)
