"""Faults that cripple a process but do not end it.

They are built into a worker of the lab once it holds maintenance.
"""

import os
import resource
import threading
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from pqkit.db import system_clock
from pqkit.maintenance.runner import Maintainer
from pqkit.queue import Upkeep

HOUR = 3_600_000_000
GATE = "PQKIT_LAB_GATE"
AT_ONCE = (2**24, 2**20, 2**16, 2**12)
_held: list[bytearray] = []


def no_memory() -> None:
    """Use up all memory that this process may have."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken, resource.getrlimit(resource.RLIMIT_AS)[1]))
    for size in AT_ONCE:
        try:
            while True:
                _held.append(bytearray(size))
        except MemoryError:
            continue


def no_files() -> None:
    """Use up all file descriptors that this process may have."""
    most = max(int(file.name) for file in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    while True:
        try:
            os.dup(0)
        except OSError:
            return


def no_threads() -> None:
    """Make every start of a thread fail; the real limit does not apply to root."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    patch.object(threading.Thread, "start", refuse).start()


def blocked_disk() -> None:
    """Block every rename of a file for ever, as a lost file server does."""
    patch.object(Maintainer, "_finish_files", lambda _: threading.Event().wait()).start()


def wrong_clock() -> None:
    """Set the wall clock of this process back by an hour."""
    honest = system_clock.wall
    system_clock.wall = lambda: honest() - HOUR


def no_look() -> None:
    """Make every search for dead workers fail, as with too little memory for it alone."""

    def fail(_upkeep: Upkeep, _stale_after: float | None) -> None:
        raise MemoryError

    patch.object(Upkeep, "rescue", fail).start()


CRIPPLES: dict[str, Callable[[], None]] = {
    "no_memory": no_memory,
    "no_look": no_look,
    "no_files": no_files,
    "no_threads": no_threads,
    "blocked_disk": blocked_disk,
    "wrong_clock": wrong_clock,
}


def when_on_duty(cripple: Callable[[], None]) -> None:
    """Cripple this process once its worker holds maintenance and the lab's gate is open."""
    honest, done = Maintainer.tick, threading.Event()

    def tick(self: Maintainer, now: float) -> None:
        if self.on_duty and not done.is_set() and Path(os.environ[GATE]).exists():
            done.set()
            cripple()
        honest(self, now)

    patch.object(Maintainer, "tick", tick).start()


def clinging(name: str) -> None:
    """Control: a worker that keeps maintenance whatever fails in it."""
    patch.object(Maintainer, "_resign_if_ill", lambda _self, _now: None).start()
    when_on_duty(CRIPPLES[name])
