"""Histograms of durations that add up: four buckets for each doubling, so a quantile is right within a fifth."""

from collections.abc import Mapping

from pqkit.domain.durations import SECOND

Counts = Mapping[int, int]
_FINE = 2  # two binary digits after the first
_SMALL = 1 << _FINE


def bucket(microseconds: int) -> int:
    """The index of the bucket that holds a duration; negative ones count as none."""
    if microseconds < _SMALL:
        return max(0, microseconds)
    shift = microseconds.bit_length() - _FINE - 1
    return ((shift + 1) << _FINE) + (microseconds >> shift) - _SMALL


def bounds(index: int) -> tuple[int, int]:
    """[from, to) of a bucket in microseconds."""
    if index < _SMALL:
        return index, index + 1
    shift, part = (index >> _FINE) - 1, index & (_SMALL - 1)
    return (_SMALL + part) << shift, (_SMALL + part + 1) << shift


def quantile(counts: Counts, q: float) -> float | None:
    """The ``q``-quantile in seconds, interpolated within its bucket; None for an empty histogram."""
    wanted, seen = q * sum(counts.values()), 0
    for index in sorted(counts):
        seen += counts[index]
        if seen >= wanted and counts[index]:
            low, high = bounds(index)
            part = 1 - (seen - wanted) / counts[index]
            return (low + part * (high - low)) / SECOND
    return None
