"""Forecasts when a queue will be empty, from the drift of its depth, with an 80 % interval.

The depth is modeled as a random walk with drift: after k steps it is lower by k times the mean step, plus or minus the
spread of k steps and the uncertainty of the mean itself (as in Hyndman and Athanasopoulos, Forecasting, on random walks
with drift). The interval ends where those bounds reach zero.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev
from typing import NamedTuple

from pqkit.domain.durations import SECOND

HOLDS = 0.8
"""The coverage of the interval."""
Z = 1.2816
STEPS = 6
FEWEST_STEPS = 4
LEAST_SPAN = 45 * SECOND
LEAST_PENDING = 10
ROUGHLY = 0.08
"""Least half-width of the interval, as a share of the time left."""
NEVER = 30 * 86_400


class Drain(NamedTuple):
    """Seconds until the queue is empty: at least, likely, at most.

    ``likely`` is None if the queue will not drain at this rate; ``most`` is None if it may never drain.
    """

    least: float | None
    likely: float | None
    most: float | None


def drain(points: Sequence[tuple[int, int]], now: int) -> Drain | None:
    """Forecast from (microseconds, pending jobs), oldest first; None for too little data.

    The points should cover only the time since the drain rate last changed.
    """
    if len(points) < FEWEST_STEPS + 1 or points[-1][1] < LEAST_PENDING or points[-1][0] - points[0][0] < LEAST_SPAN:
        return None
    steps = min(STEPS, len(points) - 1)
    step = (points[-1][0] - points[0][0]) / steps
    depths = [_at(points, points[0][0] + n * step) for n in range(steps + 1)]
    drops = [before - after for before, after in pairwise(depths)]
    mean, spread = fmean(drops), Z * (1 + 1 / steps) * stdev(drops)
    passed = (now - points[-1][0]) / SECOND
    least, most = _bounds(points[-1][1], mean, spread, steps)
    return _rounded(points[-1][1] / mean if mean > 0 else None, least, most, step / SECOND, passed)


def _at(points: Sequence[tuple[int, int]], moment: float) -> float:
    """Interpolate the depth at a moment linearly between two points."""
    after = next(i for i, point in enumerate(points) if point[0] >= moment - 1)
    if after == 0:
        return points[0][1]
    (t0, d0), (t1, d1) = points[after - 1], points[after]
    return d0 + (d1 - d0) * min(1.0, (moment - t0) / (t1 - t0))


def _bounds(pending: int, mean: float, spread: float, steps: int) -> tuple[float | None, float | None]:
    """The step counts k at which ``pending - k mean -+ spread sqrt(k + k^2 / steps)`` is zero."""
    a, b, c = mean**2 - spread**2 / steps, -(2 * pending * mean + spread**2), float(pending**2)
    root = b * b - 4 * a * c
    if root < 0:
        return None, None
    roots = sorted(2 * c / (-b + sign * sqrt(root)) for sign in (1, -1) if -b + sign * sqrt(root))
    positive = [k for k in roots if k > 0]
    sure = a > 0 and mean > 0
    return (positive[0] if positive else None), (positive[-1] if sure and positive else None)


def _rounded(likely: float | None, least: float | None, most: float | None, step: float, passed: float) -> Drain:
    def seconds(steps: float | None, factor: float) -> float | None:
        if steps is None or steps * step > NEVER:
            return None
        return max(0.0, steps * step * factor - passed)

    expected = seconds(likely, 1)
    if expected is None:
        return Drain(seconds(least, 1), None, None)
    lower, upper = seconds(least, 1), seconds(most, 1)
    widest = seconds(likely, 1 + ROUGHLY)
    return Drain(
        min(lower if lower is not None else expected, expected * (1 - ROUGHLY)),
        expected,
        None if upper is None or widest is None else max(upper, widest),
    )


def came_so(earliest: int | None, likely: int | None, latest: int | None, drained_at: int | None) -> bool:
    """True if the forecast was right; ``drained_at`` is None while the queue has not drained."""
    if likely is None:
        return drained_at is None
    if drained_at is None:
        return latest is None
    return (earliest is None or drained_at >= earliest) and (latest is None or drained_at <= latest)
