"""Chart annotations: spans in which a queue was paused, restarts and operators' actions."""

from collections.abc import Sequence

import holoviews as hv
import pandas as pd

from pqkit.charts.palette import COLORS, PLAIN
from pqkit.domain.states import JobState

ALPHA = 0.16


def paused(table: pd.DataFrame) -> hv.VSpans:
    """Shade the spans from ``since`` to ``until``."""
    spans = hv.VSpans(table, ["since", "until"])
    return spans.opts(color=COLORS[JobState.RETRYING], alpha=ALPHA, line_alpha=0)


def marks(table: pd.DataFrame, columns: Sequence[str] = ("at",)) -> hv.VLines:
    """A thin line for each moment in ``at``; further ``columns`` appear in the tooltip."""
    at, *rest = columns
    return hv.VLines(table, at, rest).opts(color=PLAIN, line_dash="dotted", line_width=1)
