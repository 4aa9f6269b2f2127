"""Values as a person reads them. Everything that ends in a page goes through ``safe`` or one of these."""

import html
from datetime import UTC, datetime

from pqkit.domain.durations import SECOND, duration, short_duration
from pqkit.log import escape_lines

NOTHING = "\N{EN DASH}"


def safe(value: object) -> str:
    """``value`` as text that no browser takes for markup, with nothing in it that turns or hides what is read."""
    return html.escape(escape_lines(str(value)))


def count(number: float) -> str:
    """1,234; and 0.4 where rounding would say 0."""
    return f"{number:.1f}" if 0 < number < 10 and number != round(number) else f"{number:,.0f}"


def sentence(words: str) -> str:
    """A line of the system as a sentence of the page."""
    return ended(f"{words[:1].upper()}{words[1:]}")


def ended(words: str) -> str:
    """In one line and with one full stop, whatever a database's own words end in."""
    return f"{' '.join(words.split()).rstrip('.?! ')}."


def jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number:,} jobs"


def age(seconds: float | None) -> str:
    """A duration in words; a dash where it is not known."""
    return NOTHING if seconds is None else duration(seconds)


def lasted(microseconds: int) -> str:
    """The duration of a run, which may be short."""
    return short_duration(microseconds / SECOND)


def clock(microseconds: int | None) -> str:
    """A stored time (microseconds since 1970 UTC) on the server's clock: 14:03:22, or 21 Nov 14:03 of another day."""
    if microseconds is None:
        return NOTHING
    moment = datetime.fromtimestamp(microseconds / SECOND, UTC).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%d %b %H:%M")


def size(octets: int) -> str:
    """Bytes in kB, MB or GB; a dash where they are not known."""
    if octets <= 0:
        return NOTHING
    if octets < 1e6:
        return f"{max(1, octets / 1e3):,.0f} kB"
    return f"{octets / 1e6:,.0f} MB" if octets < 1e9 else f"{octets / 1e9:,.1f} GB"
