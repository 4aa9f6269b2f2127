"""Tracks this process's open connections to a SQLite file, so that none crosses a fork.

SQLite keeps a record per process of the locks it holds on a file. A child inherits the record but not the locks: it
would write without any, and the process that closes the file next deletes the log under it. So before a fork every
connection is closed, once the open transactions have ended. If one stays open, the child refuses the file.
"""

import os
import threading
import time
import weakref
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from stat import ST_DEV, ST_INO
from typing import TYPE_CHECKING, Any

from pqkit.db import fork_safety
from pqkit.db.sqlite.driver import sqlite
from pqkit.errors import DatabaseUnavailable, ForkedWhileOpen

if TYPE_CHECKING:
    from sqlalchemy import Engine

PATIENCE = 5.0
"""Seconds that a fork waits for the transactions of other threads."""
SHORTLY = 0.25
"""Seconds of ``PATIENCE`` during which no thread may begin another transaction."""
LOOK = 0.001
_DENY = 1

File = tuple[int, int]
Files = tuple[File | None, File | None]
"""The write-ahead log and the database."""
_FILE: Callable[[os.stat_result], File] = itemgetter(ST_DEV, ST_INO)
_known: set[File] = set()
"""The files for which this child has checked that no open connection was inherited."""


def _close(handle: Any) -> None:
    if handle.pid == os.getpid():  # closing a parent's would roll back its transaction
        sqlite.Connection.close(handle)
        handle.closed = True


# ``user`` is the thread that uses or keeps the connection; ``files`` are the files that it opened.
_FIELDS = {"close": _close, "closed": False, "pid": 0, "user": 0, "files": None}
Handle: Any = type("Handle", (sqlite.Connection,), _FIELDS)


class Kept:
    """One thread's long-lived connection, with the transaction object of its writes.

    A thread holds ``lock`` while it uses the connection. ``opened`` counts how often it was opened.
    """

    __slots__ = ("__weakref__", "connection", "lock", "opened", "tx")

    def __init__(self) -> None:
        self.connection: Any = None
        self.tx: Any = None
        self.lock = threading.RLock()
        self.opened = 0

    def close(self) -> None:
        """Close the connection, unless a transaction is open or another thread uses it."""
        if not self.lock.acquire(blocking=False):
            return
        try:
            if self.connection is not None and not self.connection.in_transaction:
                self.connection.close()
                self.connection = self.tx = None
        finally:
            self.lock.release()


class Handles(fork_safety.AtFork):
    """All connections of this process to ``path``; ``pool`` is an engine that pools some."""

    def __init__(self, path: Path) -> None:
        self._path, self._log = str(path), f"{path}-wal"
        self._left: list[Any] = []
        self._all: weakref.WeakSet[Any] = weakref.WeakSet()
        self._start()
        self.join_forks()

    def _start(self) -> None:
        self.pool: Engine | None = None
        self._own = threading.local()
        self._kept: weakref.WeakSet[Kept] = weakref.WeakSet()
        self._gate, self._mutex = threading.RLock(), threading.Lock()

    def mine(self) -> Kept:
        """This thread's ``Kept``; its connection may not be open yet."""
        fork_safety.notice()
        own = self._own.__dict__
        kept: Kept | None = own.get("kept")
        if kept is None:
            kept = own["kept"] = Kept()
            with self._mutex:
                self._kept.add(kept)
        return kept

    def open(self, url: str, **options: Any) -> Any:
        """Open a connection, after any fork in progress. ForkedWhileOpen if the file was inherited."""
        fork_safety.notice()
        with self._gate:
            if fork_safety.forked():
                self._refuse_inherited()
            handle = sqlite.connect(url, uri=True, factory=Handle, **options)
            handle.pid, handle.user = os.getpid(), threading.get_ident()
            with self._mutex:
                self._all.add(handle)
        return handle

    def close_idle(self) -> None:
        """Close the connections of all threads that are not in use; each opens again when needed."""
        if self.pool is not None:
            self.pool.pool.dispose()
        with self._mutex:
            threads = list(self._kept)
        for kept in threads:
            kept.close()

    def files(self) -> Files:
        """The files that now have the queue's names."""
        return identity(self._log), identity(self._path)

    def refuse_lost_files(self, handle: Any) -> None:
        """Raise DatabaseUnavailable if a connection's files were removed or replaced.

        Writes to them may be lost, so they must not be acknowledged.
        """
        now = self.files()
        if now == handle.files:
            return
        self.close_idle()
        lost = self._log if now[1] == handle.files[1] else self._path
        raise DatabaseUnavailable(
            f"{lost} was removed or replaced while it was in use: whether this was written is not known"
        )

    def before_fork(self) -> None:
        """Wait for other threads' transactions and close all; keep the rest from being finalized."""
        until = time.monotonic() + PATIENCE
        while not self._close_all() and time.monotonic() < until:
            self._gate.release()
            while self._others() and time.monotonic() < until:
                time.sleep(LOOK)
        self._left = self._open_ones()
        for handle in self._left:
            fork_safety.keep_for_ever(handle)

    def after_fork(self) -> None:
        left, self._left = self._left, []
        for handle in left:
            fork_safety.release(handle)
        self._gate.release()

    def in_child(self) -> None:
        _known.clear()
        for handle in [handle for handle in self._all if not handle.closed]:
            if not self._left:  # forked without Python's hooks
                fork_safety.keep_for_ever(handle)
            handle.set_authorizer(_deny)  # against the child's frames that still use it
        self._left, self._all = [], weakref.WeakSet()
        self._start()

    def _close_all(self) -> bool:
        """Block new connections, close all; False if another thread still uses one a moment later."""
        self._gate.acquire()
        until = time.monotonic() + SHORTLY
        while True:
            self.close_idle()
            if not self._others():
                return True
            if time.monotonic() > until:
                return False
            time.sleep(LOOK)

    def _others(self) -> list[Any]:
        here = threading.get_ident()
        return [handle for handle in self._open_ones() if handle.user != here]

    def _open_ones(self) -> list[Any]:
        with self._mutex:
            return [handle for handle in self._all if not handle.closed]

    def _refuse_inherited(self) -> None:
        file = identity(self._path)
        if file is None or file in _known:
            return
        if file in _open_files():
            raise ForkedWhileOpen(
                f"{self._path}: this process was forked while it was open, so that SQLite's locks do not hold here: "
                "end the transaction before the fork, or start the process by multiprocessing's spawn or as a program"
            )
        _known.add(file)


def _deny(*_: object) -> int:
    return _DENY


def identity(path: str) -> File | None:
    """The device and inode, which tell a file from another with its name; None if there is none."""
    try:
        return _FILE(os.stat(path))  # noqa: PTH116 - runs at each commit, of which a Path would cost a fiftieth
    except OSError:
        return None


def _open_files() -> set[File]:
    """The files that this process has open."""
    found = set[File]()
    for each in Path("/dev/fd").iterdir():
        try:
            found.add(_FILE(os.fstat(int(each.name))))
        except OSError:  # the descriptor of this listing itself
            continue
    return found
