"""SQLite: one file in WAL mode, with a kept connection per thread for the hot path."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pqkit.db import clock, told
from pqkit.db.database import Database, Durability, Obstacle, Sizes
from pqkit.db.disk import refuse_network
from pqkit.db.driver import driver_version, is_unavailable, sqlite
from pqkit.db.holder import write_lock_holder
from pqkit.db.transaction import SqliteTransaction
from pqkit.db.turns import Turns
from pqkit.db.wake import LogWake
from pqkit.db.write import Write
from pqkit.errors import DatabaseUnavailable, ForeignSession
from pqkit.files import private_folder
from pqkit.sql import compiled as sql

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlmodel import Session

READ_ONLY = "pqkit_read_only"
BUSY_TIMEOUT = 5.0
SET_BY = 500_000
"""Microseconds by which the wall clock moves only where it is set, or the machine slept."""


class SqliteDatabase(Database):
    """SQLite in WAL mode. Every write is one ``BEGIN IMMEDIATE``; durability ``full`` syncs at each commit."""

    looking = {READ_ONLY: True}  # noqa: RUF012 - never changed
    recording = told.ON_SQLITE
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ids_have_gaps = False

    def __init__(self, path: Path, durability: Durability = "full") -> None:
        self.path = path.absolute()
        super().__init__(str(self.path), f"sqlite:///{self.path}", durability)
        self._kept = threading.local()
        self._first_file: tuple[int, int] | None = None
        self.turns = Turns()
        self.clock_noted: tuple[str, int] | None = None

    def write(self) -> Write:
        return Write(self)

    @contextmanager
    def read(self) -> Iterator[SqliteTransaction]:
        connection = self.connection()
        connection.execute("BEGIN")
        try:
            yield SqliteTransaction(connection.cursor())
        finally:
            connection.execute("ROLLBACK")

    def join(self, session: "Session") -> SqliteTransaction:
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
        return SqliteTransaction(connection.cursor())

    def now(self) -> int:
        return clock.wall()

    def lease_clock(self) -> tuple[str, int]:
        return clock.boot_id(), clock.steady()

    def note_clock(self, tx: SqliteTransaction) -> tuple[str, int] | None:
        """Put on record that the wall clock was set since the last write; what is known of it once this is committed.

        The order on record is that of a clock that nobody sets: the moments alone would lie.
        """
        boot, reading = self.lease_clock()
        ahead, known = self.now() - reading, self.clock_noted
        if known is not None and known[0] == boot and abs(known[1] - ahead) < SET_BY:
            return known
        try:
            last = tx.row(sql.LAST_CLOCK_STEP)
            if last is None or last[0] != boot or abs(last[1] - ahead) >= SET_BY:
                tx.run(sql.INSERT_CLOCK_STEP, boot, reading, ahead)
                return boot, ahead
        except sqlite.OperationalError:  # tables of an older pqkit
            return None
        return last[0], last[1]

    def data_version(self) -> int:
        """A number that changes when another connection has committed."""
        try:
            return int(self.connection().execute("PRAGMA data_version").fetchone()[0])
        except sqlite.DatabaseError as error:
            raise DatabaseUnavailable(f"{self.path}: {error}") from error

    def wake(self) -> LogWake:
        return LogWake(self.path)

    @contextmanager
    def listen(self) -> Iterator[Callable[[float], None]]:
        wake, seen = self.wake(), self.data_version()

        def wait(seconds: float) -> None:
            nonlocal seen
            wake.wait_for_commit(seconds, self.data_version, seen)
            seen = self.data_version()

        try:
            yield wait
        finally:
            wake.close()

    def refuse_bad_place(self) -> None:
        refuse_network(self.path)

    @property
    def place(self) -> Path:
        return self.path

    def exists(self) -> bool:
        return self.path.exists()

    def create(self) -> None:
        """An empty database in WAL mode, private to its owner, whose directory entry is on disk."""
        folder = self.path.parent
        try:
            private_folder(folder)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite.connect(str(self.path), isolation_level=None, timeout=30)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
            folder_fd = os.open(folder, os.O_RDONLY)
            os.fsync(folder_fd)
            os.close(folder_fd)
        except (OSError, sqlite.DatabaseError) as error:
            raise DatabaseUnavailable(f"cannot create {self.path}: {error}") from error

    def compact(self) -> list[str]:
        """What is deleted leaves free pages."""
        return []

    def lock_schema(self, connection: "Connection") -> None:
        """BEGIN IMMEDIATE has done it."""

    def backup(self, target: Path) -> bool:
        target.touch(0o600, exist_ok=False)
        copy = sqlite.connect(str(target))
        try:
            self.connection().backup(copy)
        except sqlite.Error as error:
            target.unlink()
            raise DatabaseUnavailable(f"cannot copy {self.path} to {target}: {error}") from error
        finally:
            copy.close()
        return True

    def make_scratch(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'queue.db'}"

    def drop_scratch(self, url: str) -> None:
        """It goes with its folder."""

    def counters(self, connection: "Connection") -> dict[str, int]:
        given: dict[str, int] = dict(connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all())
        return {"job": given.get("job", 0)}

    def set_counter(self, connection: "Connection", table: str, last: int) -> None:
        if table not in self.counters(connection):
            return  # it goes on from its greatest key by itself
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))

    def integrity(self) -> list[str]:
        found = [row[0] for row in self.connection().execute("PRAGMA integrity_check").fetchall()]
        return [] if found == ["ok"] else found

    def sizes(self) -> Sizes:
        log = self.path.with_name(f"{self.path.name}-wal")
        return Sizes(_size(self.path), _size(log), shutil.disk_usage(self.path.parent).free)

    def software(self) -> str:
        return f"SQLite {driver_version().sqlite}"

    def give_up(self) -> None:
        """A file always answers, if only that it is locked."""

    def close(self) -> None:
        """Close this thread's connection and the pool; other threads' connections close with their threads."""
        connection = self._kept.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()
        self._first_file = None
        super().close()

    def _make_engine(self) -> "Engine":
        from sqlalchemy import create_engine, event  # noqa: PLC0415 - see Database.session

        # No limit: a session waits for the write lock, and not for another session's connection.
        engine = create_engine(self.url, module=sqlite, creator=self.open, max_overflow=-1)

        @event.listens_for(engine, "begin")
        def begun(connection: "Connection") -> None:
            # IMMEDIATE: a read that turns into a write fails at once when another writer was faster.
            if connection.get_execution_options().get(READ_ONLY):
                connection.exec_driver_sql("BEGIN")
            else:
                self._begin_in_turn(connection.connection.driver_connection)

        @event.listens_for(engine, "close")
        def closed(connection: Any, _record: object) -> None:
            self.turns.forget(connection)

        return engine

    def _begin_in_turn(self, connection: Any) -> None:
        connection.execute("PRAGMA busy_timeout=0")  # see _connect
        try:
            self.turns.begin(connection, self.path)
        finally:
            connection.execute(f"PRAGMA busy_timeout={round(BUSY_TIMEOUT * 1000)}")

    def connection(self) -> Any:
        """This thread's kept connection of the driver, in autocommit mode."""
        kept = self._kept.__dict__
        if kept.get("pid") != os.getpid():  # a connection must not cross a fork
            kept["connection"], kept["pid"] = self._connect(), os.getpid()
        elif "connection" not in kept:
            kept["connection"] = self._connect()
        return kept["connection"]

    def triggers(self, *, on: bool) -> list[str]:
        return told.begin_on_sqlite() if on else told.end_on_sqlite()

    def settled(self, connection: "Connection") -> int:  # noqa: ARG002 - see Database.settled
        return 1  # all are of transaction 0, and who writes them does it alone

    def replaced(self) -> bool:
        return self._first_file is not None and self._first_file != self._file()

    def obstacle(self) -> Obstacle | None:
        """A process that was stopped while it held the write lock: every other writer waits for it."""
        holder = write_lock_holder(self.path)
        if holder is None or not holder.stopped:
            return None
        words = f"nobody can write: the write lock is held by {holder}"
        return Obstacle(words, fatal=True, mend=f"kill -CONT {holder.pid}, or end it")

    def is_unavailable(self, error: object) -> bool:
        return is_unavailable(error)

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


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _prepare(connection: Any, durability: Durability) -> None:
    for pragma in (
        f"synchronous={durability.upper()}",
        "foreign_keys=ON",
        "cache_size=-8192",
        "temp_store=MEMORY",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")
