"""Mergeable duration histograms: 4 buckets per doubling, so quantiles are right within 20 %."""

from collections.abc import Mapping

from pqkit.domain.durations import SECOND

Counts = Mapping[int, int]
_FINE = 2  # two binary digits after the leading one
_SMALL = 1 << _FINE


def bucket(microseconds: int) -> int:
    """Return the index of a duration's bucket; negative durations count as 0."""
    if microseconds < _SMALL:
        return max(0, microseconds)
    shift = microseconds.bit_length() - _FINE - 1
    return ((shift + 1) << _FINE) + (microseconds >> shift) - _SMALL


def bounds(index: int) -> tuple[int, int]:
    """The half-open range [from, to) of a bucket in microseconds."""
    if index < _SMALL:
        return index, index + 1
    shift, part = (index >> _FINE) - 1, index & (_SMALL - 1)
    return (_SMALL + part) << shift, (_SMALL + part + 1) << shift


def quantile(counts: Counts, q: float) -> float | None:
    """Compute the ``q``-quantile in seconds, interpolated in its bucket; None if empty."""
    wanted, seen = q * sum(counts.values()), 0
    for index in sorted(counts):
        seen += counts[index]
        if seen >= wanted and counts[index]:
            low, high = bounds(index)
            part = 1 - (seen - wanted) / counts[index]
            return (low + part * (high - low)) / SECOND
    return None
