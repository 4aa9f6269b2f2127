"""SQLite: one file in WAL mode, with one long-lived connection per thread for the hot path."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pqkit.db import event_triggers, system_clock
from pqkit.db.base import Database, Durability, Obstacle, Sizes
from pqkit.db.clock_steps import ClockNoted, Standing, note_clock
from pqkit.db.sqlite.commit_watcher import LogWake
from pqkit.db.sqlite.driver import driver_version, is_unavailable, sqlite
from pqkit.db.sqlite.file_creation import create
from pqkit.db.sqlite.filesystem import refuse_network
from pqkit.db.sqlite.lock_holder import write_lock_holder
from pqkit.db.sqlite.open_connections import File, Handles, Kept, identity
from pqkit.db.sqlite.write_lock_queue import Turns
from pqkit.db.sqlite.write_transaction import Write
from pqkit.db.table_guard import is_ours
from pqkit.db.transaction import SqliteTransaction
from pqkit.errors import DatabaseUnavailable, ForeignSession, ForkedWhileOpen

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlmodel import Session

READ_ONLY = "pqkit_read_only"
BUSY_TIMEOUT = 5.0
LONGEST_CHANGE = 120_000
"""Milliseconds to wait for another process's migration."""


class SqliteDatabase(Database):
    """SQLite in WAL mode; every write is one ``BEGIN IMMEDIATE``.

    Durability ``full`` syncs at each commit.
    """

    looking = {READ_ONLY: True}  # noqa: RUF012 - never changed
    recording = event_triggers.ON_SQLITE
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ids_have_gaps = False

    def __init__(self, path: Path, durability: Durability = "full") -> None:
        # SQLite puts its log beside the target of a link, as for a process that opens the target directly.
        self.path = path.resolve() if path.is_symlink() else path.absolute()
        super().__init__(str(self.path), f"sqlite:///{self.path}", durability)
        self.handles = Handles(self.path)
        self._log = f"{self.path}-wal"
        self._first_file: File | None = None
        self.turns = Turns()
        self.clock_noted: ClockNoted | None = None

    def write(self) -> Write:
        return Write(self)

    @contextmanager
    def read(self) -> Iterator[SqliteTransaction]:
        with self._used() as kept:
            kept.connection.execute("BEGIN")
            try:
                yield SqliteTransaction(kept.connection.cursor(), self.hooked)
            finally:
                kept.connection.execute("ROLLBACK")

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
        return SqliteTransaction(connection.cursor(), self.hooked)

    def now(self) -> int:
        return system_clock.wall()

    def lease_clock(self) -> tuple[str, int]:
        return system_clock.boot_id(), system_clock.steady()

    def note_clock(self, tx: SqliteTransaction) -> ClockNoted | None:
        """Record the wall clock's offset; the result is valid once the transaction is committed."""
        boot, reading = self.lease_clock()
        known, ahead = self.clock_noted, self.now() - reading
        if known is not None and known.holds(boot, reading, ahead):
            return known
        return note_clock(tx, Standing(boot, reading, ahead))

    def data_version(self) -> int:
        """A number that changes with each commit of another connection.

        It also changes when this thread's own connection is opened again.
        """
        try:
            with self._used() as kept:
                return int(kept.connection.execute("PRAGMA data_version").fetchone()[0]) + (kept.opened << 32)
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
        try:
            create(self.path)
        except (OSError, sqlite.DatabaseError) as error:
            raise DatabaseUnavailable(f"cannot create {self.path}: {error}") from error
        self.handles.close_idle()  # a connection that saw no log yet would take its files as lost

    def compact(self) -> list[str]:
        """Do nothing: SQLite reuses the pages of deleted rows."""
        return []

    @contextmanager
    def change_schema(self) -> "Iterator[Connection]":
        with self.engine.connect() as connection:
            connection.detach()
            handle: Any = connection.connection.dbapi_connection
            handle.execute(f"PRAGMA busy_timeout={LONGEST_CHANGE}")
            with connection.begin():
                yield connection

    def backup(self, target: Path) -> bool:
        target.touch(0o600, exist_ok=False)
        copy = sqlite.connect(str(target))
        try:
            with self._used() as kept:
                kept.connection.backup(copy)
        except sqlite.Error as error:
            target.unlink()
            raise DatabaseUnavailable(f"cannot copy {self.path} to {target}: {error}") from error
        finally:
            copy.close()
        return True

    def make_scratch(self, folder: Path) -> str:
        return f"sqlite:///{folder / 'queue.db'}"

    def drop_scratch(self, url: str) -> None:
        """Do nothing: the file goes with its folder."""

    def counters(self, connection: "Connection") -> dict[str, int]:
        given: dict[str, int] = dict(connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all())
        return {"job": given.get("job", 0)}

    def set_counter(self, connection: "Connection", table: str, last: int) -> None:
        if table not in self.counters(connection):
            return  # SQLite continues from the greatest key by itself
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))

    def integrity(self) -> list[str]:
        with self._used() as kept:
            found = [row[0] for row in kept.connection.execute("PRAGMA integrity_check").fetchall()]
            triggers = kept.connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'")
            planted = [
                f"{name} is no trigger of pqkit's on {table}" for name, table in triggers if is_ours(table.lower())
            ]
        return ([] if found == ["ok"] else found) + planted

    def sizes(self) -> Sizes:
        return Sizes(_size(self.path), _size(Path(self._log)), shutil.disk_usage(self.path.parent).free)

    def software(self) -> str:
        return f"SQLite {driver_version().sqlite}"

    def give_up(self) -> None:
        """Do nothing: a file always answers, if only that it is locked."""

    def close(self) -> None:
        """Close the connections of all threads and of the pool, except those in use."""
        self.handles.close_idle()
        self._first_file = None

    def _make_engine(self) -> "Engine":
        from sqlalchemy import create_engine  # noqa: PLC0415 - see Database.session

        from pqkit.db.sqlite.sqlalchemy_engine import watch_pool  # noqa: PLC0415

        # No limit: a session should wait for the write lock, not for another session's connection.
        engine = create_engine(self.url, module=sqlite, creator=self.open, max_overflow=-1, hide_parameters=True)
        watch_pool(engine, self, read_only=READ_ONLY)
        self.handles.pool = engine
        return engine

    def begin_in_turn(self, connection: Any) -> None:
        """Begin a session's write transaction when its turn comes."""
        connection.execute("PRAGMA busy_timeout=0")  # see _connect
        try:
            self.turns.begin(connection, self.path)
        finally:
            connection.execute(f"PRAGMA busy_timeout={round(BUSY_TIMEOUT * 1000)}")

    def opened(self, kept: Kept) -> Kept:
        """``kept`` with its driver connection open, in autocommit mode."""
        if kept.connection is None:
            kept.connection = self._connect()
            kept.tx = SqliteTransaction(kept.connection.cursor(), self.hooked)
            kept.opened += 1
        return kept

    def connection(self) -> Any:
        """This thread's connection, for a process that does not fork while it is in use."""
        return self.opened(self.handles.mine()).connection

    @contextmanager
    def _used(self) -> Iterator[Kept]:
        """This thread's connection, locked so that no other thread closes it."""
        kept = self.handles.mine()
        with kept.lock:
            yield self.opened(kept)

    def refuse_inherited(self, connection: Any) -> None:
        """Raise ForkedWhileOpen if the parent of this process began the transaction."""
        if connection.pid != os.getpid():
            raise ForkedWhileOpen(f"{self.path}: this process was forked in the midst of its parent's transaction")

    def triggers(self, *, on: bool) -> list[str]:
        return event_triggers.begin_on_sqlite() if on else event_triggers.end_on_sqlite()

    def settled(self, connection: "Connection") -> int:  # noqa: ARG002 - see Database.settled
        return 1  # all are of transaction 0, and SQLite has one writer at a time

    def replaced(self) -> bool:
        return self._first_file is not None and self._first_file != identity(str(self.path))

    def obstacle(self) -> Obstacle | None:
        """A process that was stopped while it held the write lock; every other writer waits for it."""
        holder = write_lock_holder(self.path)
        if holder is None or not holder.stopped:
            return None
        words = f"nobody can write: the write lock is held by {holder}"
        return Obstacle(words, fatal=True, mend=f"kill -CONT {holder.pid}, or end it")

    def is_unavailable(self, error: object) -> bool:
        return is_unavailable(error)

    def _connect(self) -> Any:
        self._first_file = self._first_file or identity(str(self.path))
        try:
            connection = self.open()
            # SQLite's own busy handler starves writers: the longer one has waited, the less often it tries. ``Write``
            # tries at random short intervals instead, so that ten busy writers all get their turn.
            connection.execute("PRAGMA busy_timeout=0")
        except sqlite.DatabaseError as error:
            raise DatabaseUnavailable(f"cannot open {self.path}: {error}") from error
        return connection

    def open(self) -> Any:
        """Open a new driver connection."""
        # mode=rw: SQLite must not create an empty file if the database was moved away.
        file = f"file:{quote(str(self.path))}?mode=rw"
        options = {"timeout": BUSY_TIMEOUT, "isolation_level": None, "check_same_thread": False}
        connection = self.handles.open(file, **options)
        _prepare(connection, self.durability)
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # opens the log, or waits for its recovery
        connection.files = self.handles.files()
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
