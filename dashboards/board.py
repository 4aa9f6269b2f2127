"""The charts of the ops console as Bokeh models: drawn by HoloViews once in each process, copied for each session."""

import json
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.events import SelectionGeometry
from bokeh.layouts import column
from bokeh.models import (
    BoxAnnotation,
    BoxSelectTool,
    ColumnDataSource,
    CrosshairTool,
    CustomJS,
    DataRange1d,
    Div,
    GlyphRenderer,
    HoverTool,
    InlineStyleSheet,
    NumeralTickFormatter,
    Range1d,
    Span,
)
from bokeh.models.glyphs import VSpan, VStrip

from pqkit import charts
from pqkit.charts.lines import COMMITS, DEPTH, FAILURES, OLDEST, SLOTS, THROUGHPUT, quantile_series
from pqkit.charts.palette import Series as Line

from . import shell
from .series import COLUMNS

HERE = Path(__file__).parent
HEIGHT = 132
SPARE = 4


class Chart(NamedTuple):
    """A chart, what it says above itself, and how its numbers look (numbro's patterns)."""

    name: str
    title: str
    draw: Callable[[pd.DataFrame], Any]
    lines: Sequence[Line]
    format: str = "0.[0]a"


CHARTS = (
    Chart("throughput", "Throughput per second", charts.throughput, THROUGHPUT),
    Chart("failures", "Failures per second", charts.failures, FAILURES, "0.[00]a"),
    Chart("depth", "Jobs by state", charts.depth, DEPTH),
    Chart("oldest", "Oldest waiting, seconds", charts.oldest, OLDEST),
    Chart("wait", "Wait, seconds", partial(charts.quantiles, of="wait"), quantile_series("wait"), "0.[000]a"),
    Chart("run", "Run, seconds", partial(charts.quantiles, of="run"), quantile_series("run"), "0.[000]a"),
    Chart("slots", "Slots", charts.slots, SLOTS),
    Chart("commits", "Commit, seconds", charts.commits, COMMITS, "0.[0000]"),
)
BLOCKS = ("away", "verdict", "tiles", "queues", "workers", "failures", "health")
SOURCES = {
    "series": (*COLUMNS, *(f"{name} floor" for name in COLUMNS)),
    "paused": ("since", "until"),
    "marks": ("at", "words"),
    "bars": ("left", "right", "bottom", "top", "color", "bad", "words"),
}


class Board(NamedTuple):
    """A session's copy of the models, by name."""

    blocks: dict[str, Div]
    figures: dict[str, Any]
    sources: dict[str, ColumnDataSource]
    wire: ColumnDataSource
    picked: Range1d
    follow: Range1d


class Boards(threading.Thread):
    """Keeps a few copies ready, so that a session that opens waits for none."""

    def __init__(self) -> None:
        super().__init__(name="boards", daemon=True)
        self._ready: queue.Queue[Board] = queue.Queue(SPARE)

    def run(self) -> None:
        while True:
            self._ready.put(new_board())

    def take(self) -> Board:
        try:
            return self._ready.get_nowait()
        except queue.Empty:
            return new_board()


@cache
def boards() -> Boards:
    """Those of this process."""
    made = Boards()
    made.start()
    return made


def new_board() -> Board:
    """A copy for one session, by name; it takes a tenth of what drawing takes."""
    document = Document.from_json(json.loads(_template()))
    found = {model.name: model for model in document.models if model.name}
    document.clear()
    return Board(
        {name: found[f"block {name}"] for name in _block_names()},
        {name: found[f"chart {name}"] for name in (*(chart.name for chart in CHARTS), "timeline")},
        {name: found[f"source {name}"] for name in SOURCES},
        found["wire"],
        found["picked range"],
        found["follow range"],
    )


def _block_names() -> list[str]:
    return [*BLOCKS, *(f"{chart.name} head" for chart in CHARTS), "bars head"]


@cache
def _template() -> str:
    sheet = InlineStyleSheet(css=shell.CSS)
    sources = {
        name: ColumnDataSource(name=f"source {name}", data={c: [] for c in names}) for name, names in SOURCES.items()
    }
    wire = ColumnDataSource(name="wire", data={"patch": []})
    picked, follow = Range1d(name="picked range", start=0, end=0), Range1d(name="follow range", start=0, end=1)
    look = {"stylesheets": [sheet], "disable_math": True, "sizing_mode": "stretch_width", "margin": 0}
    blocks = {name: Div(name=f"block {name}", text="", visible=False, **look) for name in _block_names()}
    shade = {"fill_alpha": 0.14, "line_alpha": 0.5, "line_dash": "dashed", "visible": False}
    cross = Span(dimension="height", line_dash="dotted", line_width=1, line_color=charts.PLAIN)
    figures = {}
    for chart in CHARTS:
        plot = _figure(chart, sources)
        plot.name, plot.x_range = f"chart {chart.name}", follow
        plot.add_tools(CrosshairTool(overlay=cross))
        plot.add_layout(BoxAnnotation(name="brush", fill_color=charts.PLAIN, line_color=charts.PLAIN, **shade))
        figures[chart.name] = plot
    figures["timeline"] = _timeline(sources["bars"])
    args = {"wire": wire, "blocks": blocks, "sources": sources, "follow": follow, "figures": figures, "picked": picked}
    script = (HERE / "ops.js").read_text()
    wire.js_on_change("data", CustomJS(args=args, code=f"{script}\napply(JSON.parse(wire.data.patch[0]))"))
    for name, plot in figures.items():
        if name != "timeline":
            plot.js_on_event(SelectionGeometry, CustomJS(args=args, code=f"{script}\npick(cb_obj.geometry)"))
    document = Document()
    document.add_root(column(*blocks.values(), *figures.values(), tags=[wire]))
    return str(serialize_json(document.to_json()))


def _figure(chart: Chart, sources: dict[str, ColumnDataSource]) -> Any:
    """The chart as HoloViews draws it, fed by the sources that all charts share."""
    start = pd.Timestamp(0)
    table = pd.DataFrame({name: [1.0, 2.0] for name in COLUMNS}).assign(at=[start, start + pd.Timedelta("1s")])
    nothing = pd.DataFrame({"since": [start], "until": [start]})
    around = charts.paused(nothing) * charts.marks(pd.DataFrame({"at": [start], "words": ["-"]}), ("at", "words"))
    plot = charts.figure(chart.draw(table) * around, height=HEIGHT)
    lines = [renderer for renderer in plot.renderers if not isinstance(renderer.glyph, VSpan | VStrip)]
    for renderer in plot.renderers:
        _feed(renderer, sources)
    first = lines[0].glyph
    plot.varea("at", f"{first.y} floor", first.y, source=sources["series"], fill_color=first.line_color, fill_alpha=0.1)
    plot.y_range = DataRange1d(start=0, min_interval=1e-3, range_padding=0.12, renderers=lines, only_visible=True)
    plot.yaxis.formatter = NumeralTickFormatter(format=chart.format)
    plot.xaxis.formatter = charts.CLOCK.clone()
    plot.xaxis.ticker.desired_num_ticks = 4
    plot.toolbar.tools = list(_tools(chart, plot, lines))
    return plot


def _feed(renderer: GlyphRenderer, sources: dict[str, ColumnDataSource]) -> None:
    kind = {VStrip: "paused", VSpan: "marks"}.get(type(renderer.glyph), "series")
    renderer.data_source = sources[kind]
    renderer.muted_glyph = renderer.nonselection_glyph = renderer.selection_glyph = None


def _tools(chart: Chart, plot: Any, lines: list[GlyphRenderer]) -> Iterator[Any]:
    shown = [(line.glyph.y.replace("_", " "), f"@{line.glyph.y}{{{chart.format}}}") for line in lines]
    tips = [("", "@at{%d %b %H:%M:%S}"), *shown]
    yield HoverTool(
        renderers=lines[:1], mode="vline", tooltips=tips, formatters={"@at": "datetime"}, point_policy="snap_to_data"
    )
    marks = [renderer for renderer in plot.renderers if isinstance(renderer.glyph, VSpan)]
    yield HoverTool(renderers=marks, tooltips=[("", "@at{%H:%M:%S}"), ("", "@words")], formatters={"@at": "datetime"})
    brush = BoxSelectTool(dimensions="width", renderers=[], continuous=False)
    brush.overlay.visible = True
    yield brush


def _timeline(source: ColumnDataSource) -> Any:
    start = pd.Timestamp(0)
    row = {"worker": ["-"], "began": [start], "ended": [start], "outcome": ["completed"], "job": [0], "task": ["-"]}
    plot = charts.figure(charts.timeline(pd.DataFrame(row)), height=HEIGHT)
    boxes = plot.renderers[0]
    plot.renderers = [boxes]
    boxes.data_source, boxes.glyph.fill_color = source, "color"
    boxes.nonselection_glyph = boxes.selection_glyph = boxes.muted_glyph = None
    plot.name, plot.x_range, plot.y_range = "chart timeline", Range1d(start=0, end=1), Range1d(start=-0.6, end=0.6)
    plot.scatter("right", "top", source=source, marker="x", size=7, color="color", alpha="bad")
    plot.xaxis.formatter = charts.CLOCK.clone()
    plot.min_border_left = 90
    plot.toolbar.tools = [HoverTool(renderers=[boxes], tooltips=[("", "@words")])]
    return plot
