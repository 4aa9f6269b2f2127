"""Formatting of values for people. All text on a page passes ``safe`` or another of these."""

import html
from datetime import UTC, datetime

from pqkit.domain.durations import SECOND, duration, short_duration
from pqkit.log import escape_lines

NOTHING = "\N{EN DASH}"


def safe(value: object) -> str:
    """Escape ``value`` as HTML text, including characters that reverse or hide text."""
    return html.escape(escape_lines(str(value)))


def count(number: float) -> str:
    """Format a count: 1,234, or 0.4 where rounding would give 0."""
    return f"{number:.1f}" if 0 < number < 10 and number != round(number) else f"{number:,.0f}"


def sentence(words: str) -> str:
    """A system message as a sentence on the page."""
    return ended(f"{words[:1].upper()}{words[1:]}")


def ended(words: str) -> str:
    """The text on one line with one full stop, however a database's message ends."""
    return f"{' '.join(words.split()).rstrip('.?! ')}."


def jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number:,} jobs"


def age(seconds: float | None) -> str:
    """A duration in words; a dash if unknown."""
    return NOTHING if seconds is None else duration(seconds)


def lasted(microseconds: int) -> str:
    """The duration of a run, with precision for short ones."""
    return short_duration(microseconds / SECOND)


def clock(microseconds: int | None) -> str:
    """A stored time in the server's time zone: 14:03:22, or 21 Nov 14:03 on another day.

    Stored times are in microseconds since 1970 UTC.
    """
    if microseconds is None:
        return NOTHING
    moment = datetime.fromtimestamp(microseconds / SECOND, UTC).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%d %b %H:%M")


def size(octets: int) -> str:
    """A size in kB, MB or GB; a dash if unknown."""
    if octets <= 0:
        return NOTHING
    if octets < 1e6:
        return f"{max(1, octets / 1e3):,.0f} kB"
    return f"{octets / 1e6:,.0f} MB" if octets < 1e9 else f"{octets / 1e9:,.1f} GB"
