"""One write transaction on SQLite: begun immediately, and committed or rolled back."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from pqkit.db.clock_steps import ClockNoted
from pqkit.db.hook_subscriptions import Hooked
from pqkit.db.sqlite.driver import is_unavailable, sqlite
from pqkit.db.sqlite.open_connections import Handles, Kept
from pqkit.db.sqlite.write_lock import begin_patiently
from pqkit.db.sqlite.write_lock_queue import Turns
from pqkit.db.transaction import SqliteTransaction
from pqkit.errors import DatabaseUnavailable


class Owner(Protocol):
    """The part of the database that a write transaction needs."""

    path: Path
    handles: Handles
    turns: Turns
    hooked: Hooked
    clock_noted: ClockNoted | None

    def note_clock(self, tx: SqliteTransaction) -> ClockNoted | None: ...

    def opened(self, kept: Kept) -> Kept: ...

    def refuse_inherited(self, connection: Any) -> None: ...


class Write:
    """A write transaction: a class, not a generator, because every single enqueue enters it."""

    __slots__ = ("_clock", "_database", "_kept", "_tx")

    def __init__(self, database: Owner) -> None:
        self._database = database

    def __enter__(self) -> SqliteTransaction:
        self._kept = self._database.handles.mine()
        try:
            self._begin()
        except sqlite.OperationalError as error:
            self._database.turns.refuse_own(self._database.path)
            begin_patiently(self._begin, self._database.path, error)
        try:
            self._clock = self._database.note_clock(self._tx)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self._tx

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        try:
            if error is None:
                self._commit()
                return
            self._roll_back()
        finally:
            self._kept.lock.release()
        if is_unavailable(error):
            raise DatabaseUnavailable(f"{self._database.path}: {error}") from error

    def _begin(self) -> None:
        """Begin, and hold the connection's lock until the end, but not while waiting for a writer."""
        kept = self._kept
        kept.lock.acquire()
        try:
            self._tx: SqliteTransaction = kept.tx or self._database.opened(kept).tx
            self._tx.cursor.execute("BEGIN IMMEDIATE")
        except BaseException:
            kept.lock.release()
            raise

    def _commit(self) -> None:
        try:
            self._tx.cursor.execute("COMMIT")
        except sqlite.Error as error:
            self._roll_back()
            self._database.refuse_inherited(self._tx.cursor.connection)
            raise DatabaseUnavailable(f"{self._database.path}: the commit failed: {error}") from error
        self._database.handles.refuse_lost_files(self._kept.connection)
        self._database.clock_noted = self._clock

    def _roll_back(self) -> None:
        with suppress(sqlite.Error):  # a full disk may have rolled back already
            self._tx.cursor.execute("ROLLBACK")
