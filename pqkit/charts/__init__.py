"""Charts: pure functions from a DataFrame to a HoloViews element, shared by consoles and notebooks.

They need the extra ``console`` or ``notebooks``. Each says which columns it reads; times are those of ``frame``.
"""

import holoviews.plotting.bokeh  # noqa: F401 - HoloViews takes options only once it knows what draws

from pqkit.charts.frames import frame, local
from pqkit.charts.lines import (
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
from pqkit.charts.marks import marks, paused
from pqkit.charts.palette import COLORS, OUTCOME_COLORS, PLAIN, THEMES, Series, Theme, color
from pqkit.charts.render import CLOCK, figure, notebook
from pqkit.charts.show import show
from pqkit.charts.spread import distribution, ramp
from pqkit.charts.timeline import place, timeline

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
