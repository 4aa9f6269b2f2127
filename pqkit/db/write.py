"""One write transaction: begun at once, fairly among many writers, and committed or undone whole."""

import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pqkit.db.driver import is_busy, is_unavailable, sqlite
from pqkit.db.holder import write_lock_holder
from pqkit.db.transaction import SqliteTransaction
from pqkit.errors import DatabaseUnavailable, LockTimeout

if TYPE_CHECKING:
    from pqkit.db.sqlite import SqliteDatabase

PATIENCE = 60.0
PAUSES = 0.0005, 0.004
TELL_AFTER = 5.0


class Write:
    """A class and not a generator: this is entered for every job that is queued alone."""

    __slots__ = ("_clock", "_database", "_kept", "_tx")

    def __init__(self, database: "SqliteDatabase") -> None:
        self._database = database

    def __enter__(self) -> SqliteTransaction:
        self._kept = self._database.handles.mine()
        try:
            self._begin()
        except sqlite.OperationalError as error:
            self._database.turns.refuse_own(self._database.path)
            _begin_patiently(self._begin, self._database.path, error)
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
        """With the lock on the connection, which is held until the end and not while another writer is waited for."""
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


def begin(attempt: Callable[[], object], path: Path) -> None:
    """Begin a write transaction by ``attempt``. Raises LockTimeout after a minute, DatabaseUnavailable for other
    trouble."""
    try:
        attempt()
    except sqlite.OperationalError as error:
        _begin_patiently(attempt, path, error)


def _begin_patiently(attempt: Callable[[], object], path: Path, error: BaseException) -> None:
    """Try again at random short intervals: who has waited long must not look more seldom than who comes."""
    begun = time.monotonic()
    told = TELL_AFTER
    while is_busy(error) and (waited := time.monotonic() - begun) < PATIENCE:
        if waited >= told:
            _tell(path, waited)
            told += TELL_AFTER
        time.sleep(random.uniform(*PAUSES))  # noqa: S311 - not a secret
        try:
            attempt()
        except sqlite.OperationalError as again:
            error = again
        else:
            return
    holder = write_lock_holder(path)
    who = f"; the write lock is held by {holder}" if holder else ""
    raise (LockTimeout if is_busy(error) else DatabaseUnavailable)(f"{path}: {error}{who}") from error


def _tell(path: Path, waited: float) -> None:
    """Name the holder of the write lock in the log."""
    from pqkit.log import get_logger  # noqa: PLC0415 - a producer has no log of its own

    holder = str(write_lock_holder(path) or "nobody that the system names")
    get_logger("database").warning("waiting for the write lock", seconds=round(waited), held_by=holder)
