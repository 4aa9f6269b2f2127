"""Rendering of elements: in a notebook, or as a live Bokeh figure in a page."""

from typing import Any

import holoviews as hv
from bokeh.models import DatetimeTickFormatter

from pqkit.charts.palette import THEMES, Theme

CLOCK = DatetimeTickFormatter(
    milliseconds="%S.%3N s",
    seconds="%H:%M:%S",
    minsec="%H:%M:%S",
    minutes="%H:%M",
    hourmin="%H:%M",
    hours="%H:%M",
    days="%d %b",
    months="%d %b",
)
HEIGHT = 160
NOTEBOOK_SIZE = (720, 240)


def notebook() -> None:
    """Make HoloViews in this process draw with Bokeh, in the size and style of notebooks."""
    hv.extension("bokeh", logo=False)
    width, height = NOTEBOOK_SIZE
    room = {"width": width, "height": height, "active_tools": [], "backend": "bokeh"}
    hv.opts.defaults(
        hv.opts.Curve(tools=["hover"], **room),
        hv.opts.Overlay(legend_position="top", show_grid=True, **room),
        hv.opts.Histogram(**room),
        hv.opts.Rectangles(tools=["hover"], **room),
    )


def figure(element: hv.Element | hv.Overlay, *, theme: str = "light", height: int = HEIGHT) -> Any:
    """The element as a Bokeh figure in this theme, without frame, legend or toolbar.

    It is as wide as its container. The page puts the legend in text beside the chart.
    """
    overlay = element if isinstance(element, hv.Overlay) else hv.Overlay([element])
    bare = {"tools": [], "default_tools": [], "xlabel": "", "ylabel": ""}
    frame = {"toolbar": None, "show_legend": False, "responsive": True, "height": height, "show_frame": False}
    plain = overlay.opts(hv.Options("Curve", **bare), hv.Options("Overlay", xlabel="", **frame))
    drawn = hv.render(plain, backend="bokeh")
    _dress(drawn, THEMES[theme])
    return drawn


def _dress(plot: Any, theme: Theme) -> None:
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.outline_line_color = None
    plot.xgrid.grid_line_color = None
    plot.ygrid.grid_line_color = theme.grid
    plot.yaxis.ticker.desired_num_ticks = 3
    plot.min_border_left, plot.min_border_right = 48, 10
    plot.min_border_top = plot.min_border_bottom = 6
    for axis in plot.axis:
        axis.axis_line_color = axis.major_tick_line_color = axis.minor_tick_line_color = None
        axis.major_label_text_color = axis.axis_label_text_color = theme.muted
        axis.major_label_text_font_size = "12px"
