"""Values as a person reads them. Everything that ends in a page goes through ``safe`` or one of these."""

import html
from datetime import UTC, datetime

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
    """A length of time in its largest fitting unit: 8 s, 12 min, 3 h 20 min, 4 d."""
    if seconds is None:
        return NOTHING
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    if hours < 48:
        return f"{hours} h {minutes % 60} min"
    return f"{hours // 24} d"


def lasted(microseconds: int) -> str:
    """How long a run took: 12 ms, 3.4 s, or as ``age``."""
    if microseconds < 1_000_000:
        return f"{microseconds / 1000:.0f} ms"
    return f"{microseconds / 1e6:.1f} s" if microseconds < 60_000_000 else age(microseconds / 1e6)


def clock(microseconds: int | None) -> str:
    """A stored time (microseconds since 1970 UTC) on the server's clock: 14:03:22, or 21 Nov 14:03 of another day."""
    if microseconds is None:
        return NOTHING
    moment = datetime.fromtimestamp(microseconds / 1e6, UTC).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%d %b %H:%M")


def size(octets: int) -> str:
    """Bytes in kB, MB or GB; a dash where they are not known."""
    if octets <= 0:
        return NOTHING
    if octets < 1e6:
        return f"{max(1, octets / 1e3):,.0f} kB"
    return f"{octets / 1e6:,.0f} MB" if octets < 1e9 else f"{octets / 1e9:,.1f} GB"
