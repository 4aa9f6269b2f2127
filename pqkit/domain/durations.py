"""Durations: the unit of stored times, and durations in words."""

SECOND = 1_000_000
"""Microseconds, the unit of every stored time."""
MINUTE_S, DAY_S = 60, 86_400


def duration(seconds: float) -> str:
    """Format a duration in the largest unit of which it has at least two.

    Examples: 3.2 s, 45 s, 12 min, 3 h 20 min, 4 d.
    """
    whole, minutes = max(0, round(seconds)), round(seconds / MINUTE_S)
    if whole < 10:
        return f"{max(0.0, seconds):.1f}".removesuffix(".0") + " s"
    if whole < 2 * MINUTE_S:
        return f"{whole} s"
    if minutes < 120:
        return f"{minutes} min"
    if whole < 2 * DAY_S:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1_440} d"


def short_duration(seconds: float) -> str:
    """Format a duration that may be below a second: 12 ms, else as ``duration``."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else duration(seconds)
