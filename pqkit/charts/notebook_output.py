"""Self-contained charts as cell outputs: the first one carries Bokeh's script."""

from collections.abc import Sequence
from typing import Any

import holoviews as hv
from bokeh.embed import components
from bokeh.resources import Resources

from pqkit.charts.render import NOTEBOOK_SIZE

SCRIPT = Resources(mode="inline", components=["bokeh"])
LEGEND_PIXELS = 60
_carried: list[bool] = []


class Shown:
    """A chart that a notebook displays; elsewhere it has a plain ``repr``."""

    def __init__(self, elements: Sequence[hv.Element | hv.Overlay], title: str) -> None:
        self.elements, self.title = elements, title

    def _repr_html_(self) -> str:
        script, place = components(figure_of(self.elements, self.title))
        if _carried:
            return f"{place}{script}"
        _carried.append(True)
        return f"{place}<script>if (!window.Bokeh) {{ {chr(10).join(SCRIPT.js_raw)} }}</script>{script}"


def show(*elements: hv.Element | hv.Overlay, title: str = "") -> Shown:
    """Display elements as one chart with axes, legend and tooltips, at the end of a cell.

    The chart works in JupyterLab, in a report opened without a network, and in a sandboxed frame.
    """
    return Shown(elements, title)


def figure_of(elements: Sequence[hv.Element | hv.Overlay], title: str) -> Any:
    """The elements as one Bokeh figure as wide as its container, with the first one's layout."""
    layers = [layer for element in elements for layer in (element if isinstance(element, hv.Overlay) else [element])]
    first = elements[0] if isinstance(elements[0], hv.Overlay) else hv.Overlay([elements[0]])
    own = {"legend_position": "top", "show_grid": True, "title": title}
    laid_out = {"ylabel": ""} | hv.Store.lookup_options("bokeh", first, "plot").kwargs | own
    drawn = hv.render(hv.Overlay(layers).opts(hv.Options("Overlay", **laid_out)), backend="bokeh")
    drawn.sizing_mode, drawn.height = "stretch_width", laid_out.get("height", NOTEBOOK_SIZE[1]) + LEGEND_PIXELS
    drawn.toolbar.logo = None
    return drawn
