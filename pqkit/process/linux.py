"""Signal handling and process exit."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

PYTHON = sys.executable
"""The interpreter's path, read before a handler could change it."""
_PR_SET_PDEATHSIG = 1
TOGETHER = 1.0
"""Seconds within which signals to stop count as one: a whole process group often gets them."""


class StopCount:
    """Counts stop requests: ``told`` is 0, 1, or more when the request is repeated."""

    def __init__(self) -> None:
        self.told = 0
        self._counted_at = 0.0

    def tell(self, *, may_insist: bool = True) -> None:
        now = time.monotonic()
        if not self.told or (may_insist and now - self._counted_at >= TOGETHER):
            self.told += 1
            self._counted_at = now


def on_stop(handle: Callable[[int], None], numbers: Iterable[signal.Signals]) -> Callable[[], object]:
    """Have the main thread call ``handle`` with each of these signals, and unblock them.

    A forked child gets the earlier handlers back and loses no signal during the fork: a pool ends its children by
    SIGTERM. In the child, a signal that was ignored (as shells do for background programs) gets Python's default
    handler. Returns a function that installs the handlers again, in case other code has replaced them.
    """
    numbers = tuple(numbers)

    def listen() -> dict[signal.Signals, Any]:
        return {number: signal.signal(number, lambda got, _frame: handle(got)) for number in numbers}

    before = listen()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
    kept = threading.local()

    def block() -> None:
        kept.mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, kept.mask)

    def reset() -> None:
        for number, was in before.items():
            signal.signal(number, _default(number) if was in (None, signal.SIG_IGN) else was)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=reset)
    return listen


def _default(number: signal.Signals) -> Any:
    """Python's default handler for a signal."""
    return signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL


def die_with_parent(number: signal.Signals, parent: int | None = None) -> None:
    """Get the signal when the parent process ends; at once if it has ended already.

    Does nothing on systems other than Linux.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), number)


def is_supervised() -> bool:
    """True if Supervisor runs this process."""
    return "SUPERVISOR_ENABLED" in os.environ


def die_with_supervisor() -> None:
    """Under Supervisor: get SIGTERM however Supervisor ends, so that no child outlives it."""
    if is_supervised():
        die_with_parent(signal.SIGTERM)


def exit_words(code: int) -> str:
    """A child's exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"signal {-code}"
