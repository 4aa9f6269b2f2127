"""Charts: pure functions from a DataFrame to a HoloViews element, and a way to keep one of them live."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import holoviews as hv
import pandas as pd
from bokeh.models import DataRange1d, DatetimeTickFormatter

from .feed import Sample

COLORS = {"completed": "#2f9e6e", "failed": "#e5484d", "pending": "#3e7bfa", "processing": "#8e6bf0"}
TIMES = {"seconds": "%H:%M:%S", "minsec": "%H:%M:%S", "minutes": "%H:%M", "hourmin": "%H:%M"}
COLUMNS = list(Sample._fields)


def frame(samples: Sequence[Sample]) -> pd.DataFrame:
    """The samples as columns: ``at`` in local time, both rates per minute, ``pending`` and ``processing``."""
    table = pd.DataFrame(samples, columns=COLUMNS)
    here = datetime.now(UTC).astimezone().tzinfo
    times = pd.to_datetime(table["at"], unit="us", utc=True).dt.tz_convert(here)
    return table.assign(at=times.dt.tz_localize(None))  # Bokeh shows times as they stand, in no zone


def ended(table: pd.DataFrame) -> hv.Overlay:
    """Jobs that ended per minute, completed and failed."""
    return _lines(table, "completed", "failed")


def waiting(table: pd.DataFrame) -> hv.Overlay:
    """Jobs that wait and jobs that run."""
    return _lines(table, "pending", "processing")


def _lines(table: pd.DataFrame, *columns: str) -> hv.Overlay:
    return hv.Overlay([hv.Curve(table, "at", column).opts(color=COLORS[column], line_width=2) for column in columns])


class Live:
    """A line chart that is drawn once; after that only new points travel to the browser."""

    def __init__(self, element: hv.Overlay, rollover: int) -> None:
        plain = element.opts(
            hv.opts.Curve(tools=[], default_tools=[], xlabel="", ylabel=""),
            hv.opts.Overlay(toolbar=None, show_legend=False, responsive=True, height=190, show_frame=False),
        )
        self.figure: Any = hv.render(plain, backend="bokeh")
        self._rollover, self._last = rollover, pd.Timestamp(0)
        self._sources = {r.glyph.y: r.data_source for r in self.figure.renderers}
        self._dress()

    def push(self, table: pd.DataFrame) -> None:
        """Add the rows of ``table`` that are later than what the chart has."""
        new = table[table["at"] > self._last]
        if new.empty:
            return
        self._last = new["at"].iloc[-1]
        for column, source in self._sources.items():
            source.stream({"at": new["at"].to_numpy(), column: new[column].to_numpy()}, self._rollover)

    def _dress(self) -> None:
        plot = self.figure
        plot.x_range = DataRange1d(range_padding=0)
        plot.y_range = DataRange1d(start=0, min_interval=1, range_padding=0.15)
        for renderer in list(plot.renderers):
            column = renderer.glyph.y
            plot.varea(x="at", y1=0, y2=column, source=renderer.data_source, fill_color=COLORS[column], fill_alpha=0.14)
        plot.background_fill_alpha = plot.border_fill_alpha = 0
        plot.outline_line_color = None
        plot.xgrid.grid_line_color = None
        plot.yaxis.ticker.desired_num_ticks = 4
        plot.xaxis.formatter = DatetimeTickFormatter(**TIMES)
        plot.xaxis.ticker.desired_num_ticks = 3
        plot.min_border_left, plot.min_border_right = 44, 12
