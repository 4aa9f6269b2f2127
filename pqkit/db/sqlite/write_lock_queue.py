"""Makes the sessions of one process wait in line for SQLite's write lock."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pqkit.db.fork_safety import AtFork
from pqkit.db.sqlite import write_lock
from pqkit.db.sqlite.driver import sqlite
from pqkit.errors import DatabaseUnavailable, LockTimeout


class Turns(AtFork):
    """A line of waiting sessions: only the first competes with the queue's own short writes.

    If 30 competed, a heartbeat would have one chance in 30 each time a session ends, and the worker would lose its
    leases.
    """

    def __init__(self) -> None:
        self.in_child()
        self.join_forks()

    def in_child(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._begun: dict[Any, int] = {}
        self._of_thread = threading.local()

    def begin(self, connection: Any, path: Path) -> None:
        """Begin a session's transaction when its turn comes; errors as in ``write_lock.begin``."""
        self.refuse_own(path)
        with self._turn(path):
            write_lock.begin(lambda: connection.execute("BEGIN IMMEDIATE"), path)
        self._begun[connection] = threading.get_ident()
        self._of_thread.last = connection

    def forget(self, connection: Any) -> None:
        """Drop the record of a closed connection."""
        self._begun.pop(connection, None)

    def refuse_own(self, path: Path) -> None:
        """Raise if an open session of this thread holds the lock: the thread would wait for itself.

        Raises DatabaseUnavailable; in an event loop LockTimeout, because the session is another coroutine's, which can
        continue once this one yields.
        """
        last = getattr(self._of_thread, "last", None)
        if last is None or self._begun.get(last) != threading.get_ident() or not _is_open(last):
            return
        words = f"{path}: an open session of the same thread holds the write lock"
        raise LockTimeout(words) if _in_event_loop() else DatabaseUnavailable(f"{words}: use that one, or end it first")

    @contextmanager
    def _turn(self, path: Path) -> Iterator[None]:
        mine = threading.Event()
        with self._guard:
            self._waiting.append(mine)
            self._waiting[0].set()
        try:
            if not mine.wait(write_lock.PATIENCE):
                raise LockTimeout(f"{path}: too many sessions of this process wait for the write lock")
            yield
        finally:
            with self._guard:
                self._waiting.remove(mine)
                if self._waiting:
                    self._waiting[0].set()


def _is_open(connection: Any) -> bool:
    try:
        return bool(connection.in_transaction)
    except sqlite.ProgrammingError:  # it was closed
        return False


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
