"""Chooses the database implementation for a URL."""

import re
from pathlib import Path

from pqkit import extras
from pqkit.db.base import Database, Durability
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.errors import UnsupportedUrl

_SQLITE = re.compile(r"sqlite(?:\+pysqlite)?:///(?P<path>[^?]+)")
_POSTGRESQL = re.compile(r"(?:postgresql|postgres)(?:\+psycopg)?://")


def connect(url: str, durability: Durability = "full") -> Database:
    """The database behind ``url``: a SQLite file or a PostgreSQL database.

    Raises UnsupportedUrl for anything else.
    """
    if durability not in {"full", "normal"}:
        raise UnsupportedUrl(f"durability is 'full' or 'normal', not {durability!r}")
    if _POSTGRESQL.match(url):
        return _postgresql(url, durability)
    found = _SQLITE.fullmatch(url)
    if found is None or found["path"] == ":memory:":
        raise UnsupportedUrl(_what_is_wrong(url))
    return SqliteDatabase(Path(found["path"]), durability)


def _postgresql(url: str, durability: Durability) -> Database:
    try:
        from pqkit.db.postgresql import PostgresDatabase  # noqa: PLC0415 - its driver is an extra
    except ImportError as error:
        raise UnsupportedUrl(f"PostgreSQL needs its driver: {extras.hint('postgresql')} ({error})") from None
    return PostgresDatabase(url, durability)


def _what_is_wrong(url: str) -> str:
    kind, separator, _ = url.partition(":")
    if not separator or not re.fullmatch(r"[a-z0-9+]+", kind):
        return "that is not a database URL; one looks like sqlite:///data/queue.db or postgresql+psycopg://host/name"
    known, _, driver = kind.partition("+")
    if known in {"postgresql", "postgres"}:
        other = f", and pqkit drives it with psycopg, not {driver}" if driver not in {"", "psycopg"} else ""
        return f"a PostgreSQL database looks like postgresql+psycopg://user@host/name{other}"
    if known != "sqlite":
        return f"pqkit has no back end for {known!r}; it works on sqlite:///path/to/file.db and postgresql+psycopg://…"
    return "the queue must live in a file, without options: sqlite:///path/to/file.db"
