"""Begins a write transaction on SQLite, fairly among many writers, within a minute at most."""

import random
import time
from collections.abc import Callable
from pathlib import Path

from pqkit.db.sqlite.driver import is_busy, sqlite
from pqkit.db.sqlite.lock_holder import write_lock_holder
from pqkit.errors import DatabaseUnavailable, LockTimeout

PATIENCE = 60.0
PAUSES = 0.0005, 0.004
TELL_AFTER = 5.0


def begin(attempt: Callable[[], object], path: Path) -> None:
    """Begin a write transaction by ``attempt``.

    Raises LockTimeout after a minute, DatabaseUnavailable for other trouble.
    """
    try:
        attempt()
    except sqlite.OperationalError as error:
        begin_patiently(attempt, path, error)


def begin_patiently(attempt: Callable[[], object], path: Path, error: BaseException) -> None:
    """Try again at random short intervals, so that old waiters try as often as new ones."""
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
