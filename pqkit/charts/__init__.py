"""Chart functions: DataFrame in, HoloViews element out, shared by consoles and notebooks.

They need the extra ``console`` or ``notebooks``. Each docstring names the columns read; ``frame`` makes the times.
"""

import holoviews.plotting.bokeh  # noqa: F401 - HoloViews accepts options only after a backend is loaded

from pqkit.charts.annotations import marks, paused
from pqkit.charts.attempt_timeline import place, timeline
from pqkit.charts.distributions import distribution, ramp
from pqkit.charts.line_charts import (
    commits,
    compared,
    depth,
    failures,
    lines,
    oldest,
    quantile_series,
    quantiles,
    slots,
    throughput,
)
from pqkit.charts.notebook_output import show
from pqkit.charts.palette import COLORS, OUTCOME_COLORS, PLAIN, THEMES, Series, Theme, color
from pqkit.charts.query_frames import frame, local
from pqkit.charts.render import CLOCK, figure, notebook

__all__ = [
    "CLOCK",
    "COLORS",
    "OUTCOME_COLORS",
    "PLAIN",
    "THEMES",
    "Series",
    "Theme",
    "color",
    "commits",
    "compared",
    "depth",
    "distribution",
    "failures",
    "figure",
    "frame",
    "lines",
    "local",
    "marks",
    "notebook",
    "oldest",
    "paused",
    "place",
    "quantile_series",
    "quantiles",
    "ramp",
    "show",
    "slots",
    "throughput",
    "timeline",
]
