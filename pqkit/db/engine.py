"""One database: its engine for people's questions, and a kept connection per thread for the hot path."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from pqkit.db import clock
from pqkit.db.driver import is_unavailable, sqlite
from pqkit.db.transaction import Transaction
from pqkit.db.wake import Wake
from pqkit.db.write import Write
from pqkit.errors import DatabaseUnavailable, ForeignSession, UnsupportedUrl

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlmodel import Session

Durability = Literal["full", "normal"]
READ_ONLY = "pqkit_read_only"
BUSY_TIMEOUT = 5.0
_URL = re.compile(r"sqlite(?:\+pysqlite)?:///(?P<path>[^?]+)")


class Database:
    """SQLite in WAL mode. Every write is one ``BEGIN IMMEDIATE``; durability ``full`` syncs at each commit."""

    def __init__(self, path: Path, durability: Durability = "full") -> None:
        self.path, self.durability = path.absolute(), durability
        self.url = f"sqlite:///{self.path}"
        self._kept = threading.local()
        self._first_file: tuple[int, int] | None = None

    @cached_property
    def engine(self) -> "Engine":
        """The SQLAlchemy engine, for people's questions and sessions; the hot path never makes it."""
        return _make_engine(self)

    def write(self) -> Write:
        """``with database.write() as tx``: one write transaction, begun at once, committed at the end."""
        return Write(self)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """One consistent look at the database that takes no write lock."""
        connection = self.connection()
        connection.execute("BEGIN")
        try:
            yield Transaction(connection.cursor())
        finally:
            connection.execute("ROLLBACK")

    @contextmanager
    def look(self) -> "Iterator[Connection]":
        """A SQLAlchemy connection for a question; it cannot write."""
        with self.in_words(), self.engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            yield connection

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """What goes wrong with the database itself is raised as DatabaseUnavailable, in one line."""
        try:
            yield
        except Exception as error:
            cause = getattr(error, "orig", error)
            if is_unavailable(cause):
                raise DatabaseUnavailable(f"{self.path}: {cause}") from error
            raise

    def session(self) -> "Session":
        """A SQLModel session on this database; it takes the write lock with its first statement."""
        from sqlmodel import Session  # noqa: PLC0415 - a third of a worker's start, for workers that never open one

        return Session(self.engine)

    def join(self, session: "Session") -> Transaction:
        """Statements inside the caller's own transaction. ForeignSession where it is on another database."""
        fairy = session.connection().connection
        connection: Any = fairy.driver_connection
        if not isinstance(connection, sqlite.Connection):
            raise ForeignSession(
                "session= must be on the queue's own engine (queue.engine): a second SQLite library in one process "
                "would break the locks of the first"
            )
        files = connection.execute("PRAGMA database_list").fetchall()
        if not any(name and Path(name).samefile(self.path) for _, _, name in files):
            raise ForeignSession(f"session= is on another database than the queue's {self.path}")
        return Transaction(connection.cursor())

    def now(self) -> int:
        """Microseconds since 1970 UTC, for due times and history."""
        return clock.wall()

    def lease_clock(self) -> tuple[str, int]:
        """(whose clock, microseconds): two readings compare only where the first part is the same."""
        return clock.boot_id(), clock.steady()

    def data_version(self) -> int:
        """A number that changes when another connection has committed."""
        try:
            return int(self.connection().execute("PRAGMA data_version").fetchone()[0])
        except sqlite.DatabaseError as error:
            raise DatabaseUnavailable(f"{self.path}: {error}") from error

    def wake(self) -> Wake:
        return Wake(self.path)

    def backup(self, target: Path) -> None:
        """Copy the whole database to ``target`` while it is in use, by SQLite's own backup; whole or not at all."""
        target.touch(0o600, exist_ok=False)
        copy = sqlite.connect(str(target))
        try:
            self.connection().backup(copy)
        except sqlite.Error as error:
            target.unlink()
            raise DatabaseUnavailable(f"cannot copy {self.path} to {target}: {error}") from error
        finally:
            copy.close()

    def integrity(self) -> list[str]:
        """What SQLite's own check finds wrong; empty when nothing is."""
        found = [row[0] for row in self.connection().execute("PRAGMA integrity_check").fetchall()]
        return [] if found == ["ok"] else found

    def close(self) -> None:
        """Close this thread's connection and the pool; other threads' connections close with their threads."""
        connection = self._kept.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()
        if "engine" in self.__dict__:
            self.engine.dispose()

    def connection(self) -> Any:
        """This thread's kept connection of the driver, in autocommit mode."""
        kept = self._kept.__dict__
        if kept.get("pid") != os.getpid():  # a connection must not cross a fork
            kept["connection"], kept["pid"] = self._connect(), os.getpid()
        elif "connection" not in kept:
            kept["connection"] = self._connect()
        return kept["connection"]

    def replaced(self) -> bool:
        """The file at the path is not the one first connected to: it was moved, removed or restored."""
        return self._first_file is not None and self._first_file != self._file()

    def _file(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self) -> Any:
        self._first_file = self._first_file or self._file()
        try:
            connection = self.open()
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # waits while another mends the log
            # SQLite's own waiting starves: a writer that has waited long looks ever more seldom. ``Write`` looks at
            # random short intervals instead, so that ten busy writers all get their turn.
            connection.execute("PRAGMA busy_timeout=0")
        except sqlite.DatabaseError as error:
            raise DatabaseUnavailable(f"cannot open {self.path}: {error}") from error
        return connection

    def open(self) -> Any:
        """A new connection of the driver."""
        # mode=rw: SQLite must not make an empty file where somebody has moved the database away.
        file = f"file:{quote(str(self.path))}?mode=rw"
        connection = sqlite.connect(file, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        _prepare(connection, self.durability)
        return connection


def _make_engine(database: Database) -> "Engine":
    from sqlalchemy import create_engine, event  # noqa: PLC0415 - see Database.session

    engine = create_engine(database.url, module=sqlite, creator=database.open)

    @event.listens_for(engine, "begin")
    def begun(connection: "Connection") -> None:
        # IMMEDIATE: a read that turns into a write fails at once when another writer was faster.
        read_only = connection.get_execution_options().get(READ_ONLY)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _prepare(connection: Any, durability: Durability) -> None:
    for pragma in (
        f"synchronous={durability.upper()}",
        "foreign_keys=ON",
        "cache_size=-8192",
        "temp_store=MEMORY",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def connect(url: str, durability: Durability = "full") -> Database:
    """The database behind ``url``. Raises UnsupportedUrl for anything but a SQLite file."""
    found = _URL.fullmatch(url)
    if found is None or found["path"] == ":memory:":
        raise UnsupportedUrl(_what_is_wrong(url))
    if durability not in {"full", "normal"}:
        raise UnsupportedUrl(f"durability is 'full' or 'normal', not {durability!r}")
    return Database(Path(found["path"]), durability)


def _what_is_wrong(url: str) -> str:
    kind, separator, _ = url.partition(":")
    if not separator or not re.fullmatch(r"[a-z0-9+]+", kind):
        return f"{url!r} is not a database URL; one looks like sqlite:///data/queue.db"
    kind = kind.split("+")[0]
    if kind != "sqlite":
        return f"pqkit has no back end for {kind!r}; this version works on sqlite:///path/to/file.db"
    return "the queue must live in a file, without options: sqlite:///path/to/file.db"
