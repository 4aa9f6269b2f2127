"""Charts of distributions, and of throughput against load."""

from collections.abc import Sequence

import holoviews as hv
import numpy as np
import pandas as pd

from pqkit.charts.palette import COLORS, PLAIN, Series
from pqkit.domain.states import JobState

BINS = 40


def distribution(seconds: Sequence[float], label: str = "seconds", *, bins: int = BINS) -> hv.Histogram:
    """Histogram of durations in ``seconds``, with logarithmic bins.

    Bins grow by a constant factor, since durations span orders of magnitude. Values of 0 or less count as the smallest
    positive one.
    """
    values = np.asarray(seconds, dtype=float)
    positive = values[values > 0]
    least, most = (positive.min(), positive.max()) if positive.size else (1e-3, 1.0)
    edges = np.geomspace(least, max(most, least * 1.01), bins + 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    bars = hv.Histogram((edges, counts), kdims=[label], vdims=["jobs"])
    return bars.opts(color=COLORS[JobState.PROCESSING], line_color=None, alpha=0.8, logx=True)


def ramp(table: pd.DataFrame, *, over: str = "offered", reached: str = "reached") -> hv.Overlay:
    """Throughput reached at each offered load (per second), with a dotted line of equality."""
    ordered = table.sort_values(over)
    all_of_it = hv.Curve(ordered, over, (over, "all of it"), label="all of it").opts(color=PLAIN, line_dash="dotted")
    series = Series(reached, reached, COLORS[JobState.COMPLETED])
    line = hv.Curve(ordered, over, reached, label=series.label).opts(color=series.color, line_width=2)
    points = hv.Points(ordered, [over, reached]).opts(color=series.color, size=6)
    return hv.Overlay([all_of_it, line, points]).opts(xlabel=f"{over} per second", ylabel=f"{reached} per second")
