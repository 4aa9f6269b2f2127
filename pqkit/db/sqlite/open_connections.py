"""The connections to one SQLite file that this process has open, so that none of them crosses a fork.

SQLite notes per process which locks it holds on a file. A child inherits the note and not the locks: it would write
without any, and whoever closes the file next deletes the log under it. So before a fork every connection is closed,
once the transactions under way have ended. Where one stays open, the child refuses the file.
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
"""Seconds of these for which nobody may begin another one."""
LOOK = 0.001
_DENY = 1

File = tuple[int, int]
Files = tuple[File | None, File | None]
"""The write-ahead log and the database."""
_FILE: Callable[[os.stat_result], File] = itemgetter(ST_DEV, ST_INO)
_known: set[File] = set()
"""The files of which a child knows that nothing was inherited."""


def _close(handle: Any) -> None:
    if handle.pid == os.getpid():  # a parent's is left alone: to close it would undo the parent's transaction
        sqlite.Connection.close(handle)
        handle.closed = True


# ``user`` is the thread that has it in use, or keeps it; ``files`` are those that it has opened.
_FIELDS = {"close": _close, "closed": False, "pid": 0, "user": 0, "files": None}
Handle: Any = type("Handle", (sqlite.Connection,), _FIELDS)


class Kept:
    """The connection that one thread keeps, with the transaction object of its writes. Whoever uses it holds ``lock``;
    ``opened`` counts how often it was."""

    __slots__ = ("__weakref__", "connection", "lock", "opened", "tx")

    def __init__(self) -> None:
        self.connection: Any = None
        self.tx: Any = None
        self.lock = threading.RLock()
        self.opened = 0

    def close(self) -> None:
        """Close it, unless a transaction is under way or another thread uses it."""
        if not self.lock.acquire(blocking=False):
            return
        try:
            if self.connection is not None and not self.connection.in_transaction:
                self.connection.close()
                self.connection = self.tx = None
        finally:
            self.lock.release()


class Handles(fork_safety.AtFork):
    """All connections of this process to ``path``. ``pool`` is the engine whose pool has some of them."""

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
        """What this thread keeps; its connection may have to be opened."""
        fork_safety.notice()
        own = self._own.__dict__
        kept: Kept | None = own.get("kept")
        if kept is None:
            kept = own["kept"] = Kept()
            with self._mutex:
                self._kept.add(kept)
        return kept

    def open(self, url: str, **options: Any) -> Any:
        """A new connection; not while another thread forks. ForkedWhileOpen where the file was inherited."""
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
        """Close what nobody uses just now, in whatever thread; each opens again when it is used."""
        if self.pool is not None:
            self.pool.pool.dispose()
        with self._mutex:
            threads = list(self._kept)
        for kept in threads:
            kept.close()

    def files(self) -> Files:
        """Those that stand at the queue's names now."""
        return identity(self._log), identity(self._path)

    def refuse_lost_files(self, handle: Any) -> None:
        """Raise DatabaseUnavailable where a connection's files are not there any more, or others: what was written to
        them may be lost, and nobody may be told that it is kept."""
        now = self.files()
        if now == handle.files:
            return
        self.close_idle()
        lost = self._log if now[1] == handle.files[1] else self._path
        raise DatabaseUnavailable(
            f"{lost} was removed or replaced while it was in use: whether this was written is not known"
        )

    def before_fork(self) -> None:
        """Wait for the others' transactions, and close everything; keep from finalizing what stays open."""
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
            if not self._left:  # past Python's hooks
                fork_safety.keep_for_ever(handle)
            handle.set_authorizer(_deny)  # what the child's frames would still do with it
        self._left, self._all = [], weakref.WeakSet()
        self._start()

    def _close_all(self) -> bool:
        """Let nobody open another one, and close all; False where another thread still uses one after a moment."""
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
    """What tells a file from another one with its name; None where there is none."""
    try:
        return _FILE(os.stat(path))  # noqa: PTH116 - asked at each commit, of which a Path is a fiftieth
    except OSError:
        return None


def _open_files() -> set[File]:
    """The files that this process has open."""
    found = set[File]()
    for each in Path("/dev/fd").iterdir():
        try:
            found.add(_FILE(os.fstat(int(each.name))))
        except OSError:  # the look itself
            continue
    return found
