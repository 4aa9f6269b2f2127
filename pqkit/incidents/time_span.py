"""The span and queues to investigate, parsed from a person's or a page's input."""

from collections.abc import Sequence
from datetime import datetime

from pqkit.domain.durations import SECOND
from pqkit.errors import PqkitError
from pqkit.queries.time_range import Span


class BadSpan(PqkitError, ValueError):
    """Invalid times, or times in the wrong order."""


def span_of(start: str, end: str, queues: Sequence[str] = ()) -> Span:
    """Parse two times in ISO 8601 with their offset from UTC. Raises BadSpan."""
    since, until = _moment(start), _moment(end)
    if since >= until:
        raise BadSpan(f"the span must end after it began, and {end} is not after {start}")
    return Span(since, until, tuple(queues))


def _moment(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadSpan(f"{text!r} is not a moment with its offset, such as 2030-01-31T08:00+01:00")
    return round(found.timestamp() * SECOND)
