"""Change point detection: the time at which a series changes its level. Pure arithmetic."""

import math
from collections.abc import Sequence
from typing import NamedTuple

ENOUGH = 10.0
"""Minimum log-likelihood gain of two levels over one; chance reaches it once in thousands of series."""
TWICE = 1.8
SHORTEST = 3


class Change(NamedTuple):
    """At ``at`` (microseconds UTC), ``what`` changed from ``before`` to ``after``, in ``unit``."""

    at: int
    what: str
    before: float
    after: float
    unit: str

    @property
    def words(self) -> str:
        return f"{self.what}: {_short(self.before)} to {_short(self.after)} {self.unit}"


def in_counts(counts: Sequence[int]) -> int | None:
    """The index at which a series of counts changes its level most, or None.

    The model is a Poisson process with one rate before and another after.
    """
    whole, total = _poisson(sum(counts), len(counts)), sum(counts)
    best, place, before = ENOUGH, None, 0
    for index in range(1, len(counts)):
        before += counts[index - 1]
        gain = _poisson(before, index) + _poisson(total - before, len(counts) - index) - whole
        low, high = sorted((before / index, (total - before) / (len(counts) - index)))
        if gain > best and high > TWICE * low:
            best, place = gain, index
    return place


def in_durations(seconds: Sequence[float]) -> int | None:
    """The same for durations, ordered by their ends.

    It compares logarithms, so that one long duration changes little.
    """
    logs = [math.log(max(value, 1e-6)) for value in seconds]
    sums, squares = _running(logs), _running([value * value for value in logs])
    size = len(logs)
    whole = _spread(sums, squares, 0, size) if size else 0.0
    best, place = ENOUGH, None
    for index in range(SHORTEST, size - SHORTEST):
        split = _spread(sums, squares, 0, index) + _spread(sums, squares, index, size)
        gain = size / 2 * math.log(whole / split)
        step = abs((sums[size] - sums[index]) / (size - index) - sums[index] / index)
        if gain > best and step > math.log(TWICE):
            best, place = gain, index
    return place


def median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0


def _poisson(events: float, bins: int) -> float:
    return events * math.log(events / bins) if events and bins else 0.0


def _running(values: Sequence[float]) -> list[float]:
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    return sums


def _spread(sums: Sequence[float], squares: Sequence[float], first: int, last: int) -> float:
    """The sum of squared deviations from the mean; never quite 0, as clocks have a resolution."""
    total = sums[last] - sums[first]
    return max(squares[last] - squares[first] - total * total / (last - first), 0.0) + 1e-3


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
