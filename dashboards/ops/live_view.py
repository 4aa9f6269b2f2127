"""The live part of the page: HTML replaced by blocks, and charts drawn in the browser.

The server keeps no chart models. HoloViews draws once in this process. Every browser gets that drawing unchanged, and
then a few kilobytes per step (``live_view.js`` puts them in place).
"""

from pathlib import Path
from typing import Any, ClassVar

import param
from panel.custom import JSComponent

from .. import theme
from .charts import CHARTS, DRAWING

HERE = Path(__file__).parent
LOOK: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": 0}
SHEET = f"{theme.CSS}\n{(HERE / 'live_view.css').read_text()}"


class Live(JSComponent):
    """A part of the page that takes steps.

    It sends ``{"ready": true}`` when it can take steps, and ``{"picked": [start, end]}`` (ms).
    """

    html = param.String(doc="Its blocks, empty as yet.")
    drawing = param.String(doc="The document of the charts as JSON; none where the part has no charts.")
    _esm = HERE / "live_view.js"
    _stylesheets: ClassVar = [SHEET]

    def send(self, step: str) -> None:
        """Send the step, a JSON object, to the browser. A step sent before it is ready is lost."""
        self._send_msg(step)


def first() -> Live:
    """The part above the controls: verdict and numbers."""
    return Live(html=f"{block('away')}{card(block('verdict'))}{block('tiles')}", **LOOK)


def second() -> Live:
    """The part below the controls: charts, tables, health."""
    charts = "".join(card(block(f"{chart.name} head"), place(chart.name)) for chart in CHARTS)
    pair = card(block("queues")) + card(block("workers"))
    rest = card(block("failures")) + card(block("health"))
    timeline = card(block("bars head"), place("timeline"))
    html = f"<div class='charts'>{charts}</div><div class='pair'>{pair}</div>{timeline}{rest}"
    return Live(html=html, drawing=DRAWING, **LOOK)


def block(name: str) -> str:
    return f"<div data-block='{name}'></div>"


def place(chart: str) -> str:
    return f"<div data-chart='{chart}'></div>"


def card(*inside: str) -> str:
    return f"<section class='card'>{''.join(inside)}</section>"
