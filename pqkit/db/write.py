"""One write transaction: begun at once, fairly among many writers, and committed or undone whole."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pqkit.db.driver import is_busy, is_unavailable, sqlite
from pqkit.db.holder import write_lock_holder
from pqkit.db.transaction import SqliteTransaction
from pqkit.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from pqkit.db.sqlite import SqliteDatabase

PATIENCE = 60.0
TELL_AFTER = 5.0


class Write:
    """A class and not a generator: this is entered for every job that is queued alone."""

    __slots__ = ("_connection", "_database")

    def __init__(self, database: "SqliteDatabase") -> None:
        self._database = database

    def __enter__(self) -> SqliteTransaction:
        self._connection = self._database.connection()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite.OperationalError as error:
            self._begin_patiently(error)
        return SqliteTransaction(self._connection.cursor())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if error is None:
            self._commit()
            return
        self._roll_back()
        if is_unavailable(error):
            raise DatabaseUnavailable(f"{self._database.path}: {error}") from error

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite.Error as error:
            self._roll_back()
            raise DatabaseUnavailable(f"{self._database.path}: the commit failed: {error}") from error

    def _roll_back(self) -> None:
        with suppress(sqlite.Error):  # a full disk may have rolled back already
            self._connection.execute("ROLLBACK")

    def _begin_patiently(self, first: BaseException) -> None:
        from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random  # noqa: PLC0415 - most never wait

        patient = Retrying(
            retry=retry_if_exception(is_busy),
            wait=wait_random(0.0005, 0.004),
            stop=stop_after_delay(PATIENCE),
            before_sleep=_LongWait(self._database.path),
            reraise=True,
        )
        try:
            if not is_busy(first):
                raise first
            patient(self._connection.execute, "BEGIN IMMEDIATE")
        except sqlite.OperationalError as error:
            holder = write_lock_holder(self._database.path)
            who = f"; the write lock is held by {holder}" if holder else ""
            raise DatabaseUnavailable(f"{self._database.path}: {error}{who}") from error


class _LongWait:
    """Names the holder of the write lock in the log while a writer waits for it, every few seconds."""

    def __init__(self, path: Path) -> None:
        self._path, self._next = path, TELL_AFTER

    def __call__(self, state: "RetryCallState") -> None:
        waited = state.seconds_since_start or 0.0
        if waited >= self._next:
            from pqkit.log import get_logger  # noqa: PLC0415 - a producer has no log of its own

            self._next += TELL_AFTER
            holder = str(write_lock_holder(self._path) or "nobody that the system names")
            get_logger("database").warning("waiting for the write lock", seconds=round(waited), held_by=holder)
