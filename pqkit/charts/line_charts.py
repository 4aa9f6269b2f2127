"""Line charts over the time ``at``. They leave out columns that the table lacks."""

from collections.abc import Sequence

import holoviews as hv
import pandas as pd

from pqkit.charts.palette import COLORS, OUTCOME_COLORS, PLAIN, Series
from pqkit.domain.states import JobState

S = JobState
THROUGHPUT = (
    Series("completed", "completed", COLORS[S.COMPLETED]),
    Series("enqueued", "enqueued", COLORS[S.PENDING], "dashed"),
)
FAILURES = (
    Series("failed", "failed", OUTCOME_COLORS["failed"]),
    Series("timed_out", "timed out", OUTCOME_COLORS["timed_out"], "dashed"),
    Series("crashed", "crashed", OUTCOME_COLORS["crashed"], "dotted"),
)
DEPTH = (
    Series("pending", "pending", COLORS[S.PENDING]),
    Series("processing", "processing", COLORS[S.PROCESSING], "dashed"),
    Series("retrying", "retrying", COLORS[S.RETRYING], "dotted"),
    Series("scheduled", "scheduled", COLORS[S.SCHEDULED], "dotdash"),
)
OLDEST = (Series("oldest", "oldest waiting", COLORS[S.PENDING]),)
SLOTS = (
    Series("busy", "busy", COLORS[S.PROCESSING]),
    Series("slots", "there", PLAIN, "dashed"),
)
COMMITS = (
    Series("commit", "on average", PLAIN),
    Series("commit_most", "at most", PLAIN, "dotted"),
)
DASHES = {"p50": "solid", "p95": "dashed", "p99": "dotted"}


def lines(table: pd.DataFrame, series: Sequence[Series], *, over: str = "at") -> hv.Overlay:
    """One line over the column ``over`` for each of ``series`` whose column the table has."""
    there = [each for each in series if each.column in table]
    return hv.Overlay([_line(table, each, over) for each in there])


def throughput(table: pd.DataFrame) -> hv.Overlay:
    """Jobs per second: ``completed`` and ``enqueued``."""
    return lines(table, THROUGHPUT)


def failures(table: pd.DataFrame) -> hv.Overlay:
    """Failed attempts per second, by kind: ``failed``, ``timed_out``, ``crashed``."""
    return lines(table, FAILURES)


def depth(table: pd.DataFrame) -> hv.Overlay:
    """Unfinished jobs by state: ``pending``, ``processing``, ``retrying``, ``scheduled``."""
    return lines(table, DEPTH)


def quantiles(table: pd.DataFrame, of: str) -> hv.Overlay:
    """The 50th, 95th and 99th percentile in seconds of the time that jobs waited or ran.

    With ``of="wait"`` it draws the columns ``wait_p50``, ``wait_p95`` and ``wait_p99``.
    """
    return lines(table, quantile_series(of))


def quantile_series(of: str) -> list[Series]:
    """The lines of ``quantiles``: one colour for the one measure, and three dash patterns."""
    shade = COLORS[S.PENDING if of == "wait" else S.PROCESSING]
    return [Series(f"{of}_{name}", name, shade, dash) for name, dash in DASHES.items()]


def oldest(table: pd.DataFrame) -> hv.Overlay:
    """Seconds that the longest-waiting pending job has waited: ``oldest``."""
    return lines(table, OLDEST)


def slots(table: pd.DataFrame) -> hv.Overlay:
    """Busy worker slots (``busy``) against all slots (``slots``)."""
    return lines(table, SLOTS)


def compared(table: pd.DataFrame, real: str, other: str) -> hv.Overlay:
    """Two columns that should agree, over ``at`` in seconds: ``real`` solid, ``other`` dashed."""
    both = [Series(real, real, COLORS[S.COMPLETED]), Series(other, other, PLAIN, "dashed")]
    return lines(table, both).opts(xlabel="seconds")


def commits(table: pd.DataFrame) -> hv.Overlay:
    """Commit times in seconds: the average ``commit`` and the maximum ``commit_most``."""
    return lines(table, COMMITS)


def _line(table: pd.DataFrame, series: Series, over: str) -> hv.Curve:
    curve = hv.Curve(table, over, (series.column, series.label), label=series.label)
    return curve.opts(color=series.color, line_dash=series.dash, line_width=2)
