"""Retry timing: pure arithmetic over delays in seconds, and checks of a job's options."""

from collections.abc import Sequence

from pqkit.errors import PqkitError

DEFAULT_MAX_RETRIES = 3
DEFAULT_BACKOFF: tuple[float, ...] = (1, 2, 4)
MAX_DELAY = 366 * 86_400.0
MAX_RETRIES = 1_000_000
MAX_BACKOFFS = 1_000
MAX_TIMEOUT = 100 * 365 * 86_400.0
MAX_NAME = 200

LATEST = 253_370_764_800_000_000
"""The start of the year 9999, in microseconds UTC."""


class BadPolicy(PqkitError, ValueError):
    """An invalid option of a job: retries, delays, a name, or a switch that is no bool."""


def check_policy(max_retries: object, backoff: object) -> None:
    """Raise BadPolicy unless retries are 0 to ``MAX_RETRIES`` and delays are 0 s to a year.

    None means unset.
    """
    if max_retries is not None and not _is_number(max_retries, MAX_RETRIES, whole=True):
        raise BadPolicy(f"max_retries must be a whole number, 0 to {MAX_RETRIES}, not {shown(max_retries)}")
    if backoff is None:
        return
    if isinstance(backoff, (str, bytes)) or not isinstance(backoff, Sequence):
        raise BadPolicy(f"backoff must be a list of delays in seconds, not {shown(backoff)}")
    if not 0 < len(backoff) <= MAX_BACKOFFS:
        raise BadPolicy(f"backoff needs 1 to {MAX_BACKOFFS} delays in seconds, not {len(backoff)}")
    for delay in backoff:
        check_delay(delay)


def check_delay(delay: object) -> None:
    if not _is_number(delay, MAX_DELAY):
        raise BadPolicy(f"a delay must be 0 to {MAX_DELAY:.0f} seconds, not {shown(delay)}")


def check_moment(what: str, at: object) -> None:
    """Raise BadPolicy unless every calendar and time zone can show it (microseconds UTC)."""
    if type(at) is not int or not 0 <= at < LATEST:
        raise BadPolicy(f"{what} must be a moment from 1970 on and before the year 9999")


def check_timeout(timeout: object) -> None:
    """Raise BadPolicy unless it is more than 0 seconds and at most 100 years."""
    if not _is_number(timeout, MAX_TIMEOUT) or timeout == 0:
        raise BadPolicy(f"timeout must be more than 0 seconds and at most 100 years, not {shown(timeout)}")


def check_switch(what: str, value: object) -> None:
    """Raise BadPolicy unless it is True or False: the text "no" would count as on."""
    if not isinstance(value, bool):
        raise BadPolicy(f"{what} must be True or False, not {shown(value)}")


def check_named(what: str, value: object) -> None:
    """Raise BadPolicy unless it is a valid name of a task, a queue or a key."""
    named = isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable() and value == value.strip()
    if not named:
        said = f"{what} must be 1 to {MAX_NAME} printable characters without spaces around"
        raise BadPolicy(f"{said}, not {shown(value)}")


def shown(value: object) -> str:
    """Show a value in a message, in one short line."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        text = f"a huge {type(value).__name__}"
    return " ".join(text.split())[:80]


def _is_number(value: object, most: float, *, whole: bool = False) -> bool:
    """True for a finite built-in number from 0 to ``most``; not for True or a library's number."""
    kinds = {int} if whole else {int, float}
    return type(value) in kinds and 0 <= value <= most  # type: ignore[operator] # its type is one of these


def delay_before(retry: int, backoff: Sequence[float] = DEFAULT_BACKOFF) -> float:
    """Seconds to wait before the ``retry``-th retry (1 is the first); the last delay repeats."""
    return float(backoff[min(retry, len(backoff)) - 1])
