"""How figures are spread, and how speed follows load."""

from collections.abc import Sequence

import holoviews as hv
import numpy as np
import pandas as pd

from pqkit.charts.palette import COLORS, PLAIN, Series
from pqkit.domain.states import JobState

BINS = 40


def distribution(seconds: Sequence[float], label: str = "seconds", *, bins: int = BINS) -> hv.Histogram:
    """How many of ``seconds`` (durations above 0; the others count as the least of them) lie in each bin; bins grow by
    the same factor, for durations spread over magnitudes."""
    values = np.asarray(seconds, dtype=float)
    positive = values[values > 0]
    least, most = (positive.min(), positive.max()) if positive.size else (1e-3, 1.0)
    edges = np.geomspace(least, max(most, least * 1.01), bins + 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    bars = hv.Histogram((edges, counts), kdims=[label], vdims=["jobs"])
    return bars.opts(color=COLORS[JobState.PROCESSING], line_color=None, alpha=0.8, logx=True)


def ramp(table: pd.DataFrame, *, over: str = "offered", reached: str = "reached") -> hv.Overlay:
    """What was reached for each load that was offered, beside the line on which all of it would be; both per second."""
    ordered = table.sort_values(over)
    all_of_it = hv.Curve(ordered, over, (over, "all of it"), label="all of it").opts(color=PLAIN, line_dash="dotted")
    series = Series(reached, reached, COLORS[JobState.COMPLETED])
    line = hv.Curve(ordered, over, reached, label=series.label).opts(color=series.color, line_width=2)
    points = hv.Points(ordered, [over, reached]).opts(color=series.color, size=6)
    return hv.Overlay([all_of_it, line, points]).opts(xlabel=f"{over} per second", ylabel=f"{reached} per second")
