"""The ops console's charts: HoloViews draws them once per process as a Bokeh document."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import pandas as pd
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.models import (
    BoxSelectTool,
    ColumnDataSource,
    CrosshairTool,
    DataRange1d,
    HoverTool,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.models.glyphs import VSpan, VStrip
from bokeh.models.renderers import DataRenderer, GlyphRenderer

from pqkit import charts
from pqkit.charts.line_charts import COMMITS, DEPTH, FAILURES, OLDEST, SLOTS, THROUGHPUT, quantile_series
from pqkit.charts.palette import Series as Line

from .. import theme
from .series import BARS, COLUMNS

HEIGHT = 132
MOMENT = "@at{%d %b %H:%M:%S}"
TIP = "font-size: 12px; font-variant-numeric: tabular-nums; white-space: nowrap"
ROW = "display: flex; justify-content: space-between; gap: 14px"


class Chart(NamedTuple):
    """A chart: its title, its number format (numbro's patterns), and the choices it follows."""

    name: str
    title: str
    draw: Callable[[pd.DataFrame], Any]
    lines: Sequence[Line]
    format: str = "0.[0]a"
    follows: Sequence[str] = ("queue", "task")


CHARTS = (
    Chart("throughput", "Throughput per second", charts.throughput, THROUGHPUT),
    Chart("failures", "Failures per second", charts.failures, FAILURES, "0.[00]a"),
    Chart("depth", "Jobs by state", charts.depth, DEPTH, follows=("queue",)),
    Chart("oldest", "Oldest waiting, seconds", charts.oldest, OLDEST, follows=("queue",)),
    Chart("wait", "Wait, seconds", partial(charts.quantiles, of="wait"), quantile_series("wait"), "0.[000]a"),
    Chart("run", "Run, seconds", partial(charts.quantiles, of="run"), quantile_series("run"), "0.[000]a"),
    Chart("slots", "Slots", charts.slots, SLOTS, follows=()),
    Chart("commits", "Commit, seconds", charts.commits, COMMITS, "0.[0000]", follows=()),
)
SOURCES = {
    "series": (*COLUMNS, *(f"{name} fill" for name in COLUMNS)),
    "paused": ("since", "until", "words"),
    "marks": ("at", "words"),
    "bars": BARS,
}


def _draw() -> str:
    """The document of all charts as JSON: a root per chart, by name, and the shared sources."""
    sources = {
        name: ColumnDataSource(name=f"source {name}", data={c: [] for c in names}) for name, names in SOURCES.items()
    }
    follow = Range1d(name="follow range", start=0, end=1)
    shade: dict[str, Any] = {"fill_alpha": 0.14, "line_alpha": 0.5, "line_dash": "dashed", "visible": False}
    cross = Span(dimension="height", line_dash="dotted", line_width=1, line_color=charts.PLAIN)
    document = Document()
    for chart in CHARTS:
        plot = _figure(chart, sources)
        plot.name, plot.x_range = chart.name, follow
        plot.add_tools(CrosshairTool(overlay=cross))
        plot.add_layout(BoxAnnotation(name="brush", fill_color=charts.PLAIN, line_color=charts.PLAIN, **shade))
        document.add_root(plot)
    document.add_root(_timeline(sources["bars"]))
    for drawn in cast("list[Any]", document.roots):
        drawn.axis.major_label_text_font = theme.FONT
    return str(serialize_json(document.to_json()))


def _figure(chart: Chart, sources: dict[str, ColumnDataSource]) -> Any:
    """The chart as HoloViews draws it, with the sources that all charts share."""
    start = pd.Timestamp(0)
    table = pd.DataFrame({name: [1.0, 2.0] for name in COLUMNS}).assign(at=[start, start + pd.Timedelta("1s")])
    nothing = pd.DataFrame({"since": [start], "until": [start]})
    around = charts.paused(nothing) * charts.marks(pd.DataFrame({"at": [start], "words": ["-"]}), ("at", "words"))
    plot = charts.figure(chart.draw(table) * around, height=HEIGHT)
    lines = [renderer for renderer in plot.renderers if not isinstance(renderer.glyph, VSpan | VStrip)]
    for renderer in plot.renderers:
        _feed(renderer, sources)
    first = lines[0].glyph
    plot.varea("at", 0, f"{first.y} fill", source=sources["series"], fill_color=first.line_color, fill_alpha=0.1)
    plot.y_range = DataRange1d(start=0, min_interval=1e-3, range_padding=0.12, renderers=lines, only_visible=True)
    plot.yaxis.formatter = NumeralTickFormatter(format=chart.format)
    plot.xaxis.formatter = charts.CLOCK.clone()
    plot.xaxis.ticker.desired_num_ticks = 4
    plot.toolbar.tools = list(_tools(chart, plot, lines))
    return plot


def _feed(renderer: "GlyphRenderer[Any]", sources: dict[str, ColumnDataSource]) -> None:
    glyph = renderer.glyph
    kind = "paused" if isinstance(glyph, VStrip) else "marks" if isinstance(glyph, VSpan) else "series"
    renderer.data_source = sources[kind]
    renderer.muted_glyph = renderer.nonselection_glyph = renderer.selection_glyph = None


def _tools(chart: Chart, plot: Any, lines: list[DataRenderer]) -> Iterator[Any]:
    shown = {line.label: f"@{line.column}{{{chart.format}}}" for line in chart.lines}
    yield _tip(lines[:1], MOMENT, shown, mode="vline", point_policy="snap_to_data")
    marks, pauses = ([r for r in plot.renderers if isinstance(r.glyph, kind)] for kind in (VSpan, VStrip))
    yield _tip(marks, f"{MOMENT} &nbsp; @words")
    yield _tip(pauses, "@words")
    brush = BoxSelectTool(dimensions="width", renderers=[], continuous=False)
    brush.overlay.visible = True
    yield brush


def _tip(renderers: list[DataRenderer], head: str, shown: Mapping[str, str] | None = None, **how: Any) -> HoverTool:
    """A tooltip in the page's style: a head line, and the ``shown`` values by name.

    Bokeh escapes the values.
    """
    rows = "".join(
        f"<div style='{ROW}'><span>{name}</span><b>{value}</b></div>" for name, value in (shown or {}).items()
    )
    tips = f"<div style='{TIP}'><div>{head}</div>{rows}</div>"
    return HoverTool(renderers=renderers, tooltips=tips, formatters={"@at": "datetime"}, **how)


def _timeline(source: ColumnDataSource) -> Any:
    start = pd.Timestamp(0)
    row = {"worker": ["-"], "began": [start], "ended": [start], "outcome": ["completed"], "job": [0], "task": ["-"]}
    plot = charts.figure(charts.timeline(pd.DataFrame(row)), height=HEIGHT)
    boxes = plot.renderers[0]
    plot.renderers = [boxes]
    boxes.data_source, boxes.glyph.fill_color = source, "color"
    boxes.nonselection_glyph = boxes.selection_glyph = boxes.muted_glyph = None
    plot.name, plot.x_range, plot.y_range = "timeline", Range1d(start=0, end=1), Range1d(start=-0.6, end=0.6)
    plot.scatter("right", "top", source=source, marker="x", size=7, color="color", alpha="bad")
    plot.xaxis.formatter = charts.CLOCK.clone()
    plot.min_border_left = 90
    plot.toolbar.tools = [_tip([boxes], "@words")]
    return plot


DRAWING = _draw()
