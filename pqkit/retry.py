"""When the next attempt runs: pure arithmetic over delays in seconds."""

from collections.abc import Sequence

from pqkit.errors import PqkitError

DEFAULT_MAX_RETRIES = 3
DEFAULT_BACKOFF: tuple[float, ...] = (1, 2, 4)
MAX_DELAY = 366 * 86_400.0


class BadPolicy(PqkitError, ValueError):
    """Retries or delays that make no sense."""


def check_policy(max_retries: int | None, backoff: Sequence[float] | None) -> None:
    """Raise BadPolicy unless retries are at least 0 and delays are 0 s to a year; None says nothing."""
    if max_retries is not None and (not isinstance(max_retries, int) or max_retries < 0):
        raise BadPolicy(f"max_retries must be a whole number, 0 or more, not {max_retries!r}")
    if backoff is not None and not backoff:
        raise BadPolicy("backoff needs at least one delay in seconds")
    for delay in backoff or ():
        check_delay(delay)


def check_delay(delay: float) -> None:
    if not isinstance(delay, (int, float)) or not 0 <= delay <= MAX_DELAY:
        raise BadPolicy(f"a delay must be 0 to {MAX_DELAY:.0f} seconds, not {delay!r}")


def delay_before(retry: int, backoff: Sequence[float] = DEFAULT_BACKOFF) -> float:
    """Seconds to wait before the ``retry``-th retry (1 is the first); the last delay repeats."""
    return float(backoff[min(retry, len(backoff)) - 1])
