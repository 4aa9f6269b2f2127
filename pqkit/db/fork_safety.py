"""Keeps open connections, held locks and threads from crossing a fork.

A child shares its parent's sockets and files, and has none of its threads. A SQLite connection is worse: its locks
belong to the process that took them, but the child's copy of the library believes that it holds them. So no open
connection crosses a fork, and the child resets all state that a thread of the parent may have been changing.
"""

import ctypes
import logging  # first: a fork takes its lock after waiting here for other threads, which may write to the log
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from types import TracebackType


class AtFork:
    """An object with hooks around a fork; ``join_forks`` registers it."""

    def join_forks(self) -> None:
        with _state.mutex:
            _state.members.add(self)

    def before_fork(self) -> None:
        """Become quiet, in the process and thread that forks."""

    def after_fork(self) -> None:
        """Continue, in the process that has forked."""

    def in_child(self) -> None:
        """Drop the parent's state, in the child, before anything else runs there."""


class _State:
    """The state of this module. The thread that forks holds ``turn``."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.forked = False
        self.members: weakref.WeakSet[AtFork] = weakref.WeakSet()
        self.mutex, self.turn = threading.Lock(), threading.RLock()
        self.quiet: list[AtFork] = []

    def listed(self) -> list[AtFork]:
        with self.mutex:
            return list(self.members)


_state = _State()


def forked() -> bool:
    """True if this process is a fork that did not run a new program."""
    return _state.forked


def notice() -> None:
    """Reset the state if a library forked this process without Python's hooks; else do nothing."""
    if _state.pid != os.getpid():
        _arrive()


def keep_for_ever(thing: object) -> None:
    """Keep an object from being finalized, even at the end of the interpreter."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def release(thing: object) -> None:
    """Undo ``keep_for_ever``."""
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(thing))


def _before() -> None:
    _state.turn.acquire()
    _state.quiet = _state.listed()
    _each(member.before_fork for member in _state.quiet)


def _in_parent() -> None:
    quiet, _state.quiet = _state.quiet, []
    _each(member.after_fork for member in quiet)
    _state.turn.release()


def _arrive() -> None:
    _state.mutex, _state.turn, _state.quiet = threading.Lock(), threading.RLock(), []
    _state.pid, _state.forked = os.getpid(), True
    _each(member.in_child for member in _state.listed())


def _each(steps: Iterable[Callable[[], None]]) -> None:
    """Run every hook and log errors: a hook has no caller, and must not stop the others."""
    for step in steps:
        try:
            step()
        except Exception:
            logging.getLogger("pqkit").exception("a fork may have torn something")


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_arrive)


class Mutex(AtFork):
    """A lock that is free in a child, even if a thread of the parent held it."""

    def __init__(self) -> None:
        self.in_child()
        self.join_forks()

    def in_child(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        notice()  # otherwise the exit would release another lock
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
