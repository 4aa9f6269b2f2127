"""What a fork must not tear: connections that are open, locks that another thread holds, threads that stay behind.

A child shares its parent's sockets and files, and has none of its threads. A connection of SQLite is worse: its locks
belong to the process that took them, and the library of the child believes that it holds them. So nothing that is open
crosses a fork, and everything that a thread of the parent may have been about begins anew in the child.
"""

import ctypes
import logging  # first: a fork takes its lock after it has waited here for others, who may write to the log
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from types import TracebackType


class AtFork:
    """Something that has to know of forks; it joins by ``join_forks``."""

    def join_forks(self) -> None:
        with _state.mutex:
            _state.members.add(self)

    def before_fork(self) -> None:
        """Be quiet, in the process and the thread that forks."""

    def after_fork(self) -> None:
        """Go on, in the process that has forked."""

    def in_child(self) -> None:
        """Forget what is the parent's, in the child, before anything else runs there."""


class _State:
    """What this module knows. ``turn`` is held by the thread that forks."""

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
    """Whether this process began as a fork that has gone on without running a new program."""
    return _state.forked


def notice() -> None:
    """Begin anew where a library has forked this process past Python's hooks; next to nothing anywhere else."""
    if _state.pid != os.getpid():
        _arrive()


def keep_for_ever(thing: object) -> None:
    """Let nobody finalize this, not even the end of the interpreter."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def release(thing: object) -> None:
    """Take back ``keep_for_ever``."""
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
    """A hook has nobody to raise to, and what fails for one must not keep the others from it."""
    for step in steps:
        try:
            step()
        except Exception:
            logging.getLogger("pqkit").exception("a fork may have torn something")


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_arrive)


class Mutex(AtFork):
    """A lock that is free in a child, whatever thread of the parent held it."""

    def __init__(self) -> None:
        self.in_child()
        self.join_forks()

    def in_child(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        notice()  # or it would be another lock that is released
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
