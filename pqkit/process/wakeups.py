"""One rhythm for the threads of a process: those that wake together find the processor's caches warm, and idle waiting
costs half as much."""

import time

_BEGAN = time.monotonic()
TOO_SOON = 0.05


def until_next(every: float) -> float:
    """Seconds until the next of the moments that are ``every`` seconds apart since this process began; hardly more than
    ``every``."""
    left = every - (time.monotonic() - _BEGAN) % every
    return left if left > TOO_SOON * every else left + every
