"""The ops console: it watches. A verdict in words, the numbers behind it, charts of any window, queues and workers."""

import asyncio
import json
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import Column as Below
from bokeh.models import UIElement
from panel.viewable import Viewable

from . import shell
from .board import boards
from .feed import EVERY
from .investigate import Investigate
from .series import WINDOWS, View, microseconds
from .stage import shared_stage
from .tryit import TryIt

TITLE = "pqkit · Operations"
ALL = "all"
GRID = {
    "display": "grid",
    "grid-template-columns": "repeat(auto-fit, minmax(min(270px, 100%), 1fr))",
    "gap": "10px",
    "max-height": "none",
}
PAIR = {**GRID, "grid-template-columns": "repeat(auto-fit, minmax(min(480px, 100%), 1fr))", "align-items": "start"}
CARD = {
    "background": "var(--mui-palette-background-paper)",
    "border": "1px solid var(--mui-palette-divider)",
    "border-radius": "10px",
    "padding": "9px 13px",
    "min-width": "0",
}
WINDOW = {
    "size": "small",
    "margin": 0,
    "sizing_mode": "stretch_width",
    "styles": {"flex": "0 1 400px", "min-width": "0"},
    "sx": {
        "& .MuiToggleButton-root": {
            "textTransform": "none",
            "whiteSpace": "nowrap",
            "padding": "6px 2px",
            "fontSize": "12.5px",
            "minWidth": "0",
        }
    },
}
BUTTON = {"size": "small", "variant": "outlined", "margin": 0}
SELECT = {"size": "small", "variant": "outlined", "margin": 0, "width": 170, "sx": shell.LOW_SELECT}


class Ops:
    """One session of the page."""

    def __init__(self) -> None:
        self.stage, self.board = shared_stage(), boards().take()
        self.view, self._shown = View(), (View(), -1)
        self.window = pmui.RadioButtonGroup(options=list(WINDOWS), value=self.view.window, **WINDOW)
        self.queue = pmui.Select(label="Queue", options=[ALL], value=ALL, **SELECT)
        self.task = pmui.Select(label="Task", options=[ALL], value=ALL, **SELECT)
        self.zoom = pmui.Button(label="Zoom in", disabled=True, on_click=self._zoom, **BUTTON)
        self.live = pmui.Button(label="Back to live", disabled=True, on_click=self._live, **BUTTON)
        self.investigate = Investigate(self.span)
        for choice in (self.window, self.queue, self.task):
            choice.param.watch(self._chosen, "value")
        for end in ("start", "end"):
            self.board.picked.on_change(end, self._picked)

    def page(self) -> Viewable:
        """The whole page, which keeps itself fresh while its session lives."""
        scene = self.stage.scene(self.view)
        for name, html in scene.blocks().items():
            self.board.blocks[name].update(text=html, visible=bool(html))
        self._offer()
        pn.state.onload(self._begin)  # what is sent before the browser has the page is not seen there as a change
        choices = (self.window, self.queue, self.task, self.zoom, self.live, self.investigate.button)
        row = pn.FlexBox(*choices, gap="10px", align_items="center", margin=0)
        tried = shell.row(TryIt().card(), self.investigate.card(), basis=(480, 480))
        return shell.make_page(TITLE, shell.body(_pane(self._first()), row, _pane(self._second()), tried))

    async def update(self) -> None:
        """Send what is new since the last time; a scene that is not there yet is made in a thread."""
        scene = await asyncio.to_thread(self.stage.scene, self.view)
        view, version = self._shown
        if (view, version) == (self.view, scene.version):
            return
        follows = view == self.view and scene.version == version + 1
        self._send(scene.patch if follows else scene.full())
        self._shown = self.view, scene.version
        if not follows:
            self._offer()

    def span(self) -> tuple[int, int, str | None]:
        """The picked span, or the whole window, in microseconds UTC; and the queue that is looked at."""
        picked = self.board.picked
        if picked.end > picked.start:
            start, end = picked.start, picked.end
        else:
            start, end = self.stage.scene(self.view).shown()
        return microseconds(start), microseconds(end), self.view.queue

    def _first(self) -> Below:
        blocks = self.board.blocks
        first = below(blocks["away"], card(blocks["verdict"]), blocks["tiles"])
        first.tags = [self.board.wire]
        return first

    def _second(self) -> Below:
        blocks, figures = self.board.blocks, self.board.figures
        charts = [card(blocks[f"{name} head"], figure) for name, figure in figures.items() if name != "timeline"]
        return below(
            beside(charts, GRID),
            beside([card(blocks["queues"]), card(blocks["workers"])], PAIR),
            card(blocks["bars head"], figures["timeline"]),
            card(blocks["failures"]),
            card(blocks["health"]),
        )

    def _begin(self) -> None:
        pn.state.add_periodic_callback(self.update, period=int(EVERY * 1000))
        self._update_soon()

    def _update_soon(self) -> None:
        """As the document's own callback: it holds the document's lock all the while, also when it has waited."""
        if pn.state.curdoc is not None:
            pn.state.curdoc.add_next_tick_callback(self.update)

    def _chosen(self, *_: Any) -> None:
        queue, task = (None if choice.value == ALL else choice.value for choice in (self.queue, self.task))
        self.view = View(self.window.value, queue, task)
        self._live()
        self._update_soon()

    def _picked(self, _name: str, _old: float, _new: float) -> None:
        self.zoom.disabled = self.board.picked.end <= self.board.picked.start

    def _zoom(self, *_: Any) -> None:
        self._send(json.dumps({"hold": [self.board.picked.start, self.board.picked.end]}))
        self.zoom.disabled, self.live.disabled = True, False

    def _live(self, *_: Any) -> None:
        self._send(json.dumps({"hold": None}))
        self.board.picked.update(start=0, end=0)
        self.zoom.disabled = self.live.disabled = True

    def _send(self, patch: str) -> None:
        self.board.wire.data = {"patch": [patch]}

    def _offer(self) -> None:
        """The queues and tasks that can be chosen."""
        seen = self.stage.seen()
        self.queue.options = [ALL, *(queue.name for queue in seen.queues)]
        self.task.options = [ALL, *sorted({task for worker in seen.workers for task in worker.tasks})]


def card(*inside: UIElement) -> Below:
    return Below(children=list(inside), sizing_mode="stretch_width", styles=CARD, css_classes=["card"])


def below(*blocks: UIElement) -> Below:
    return Below(children=list(blocks), sizing_mode="stretch_width", spacing=10, styles={"max-height": "none"})


def beside(cards: list[Below], styles: dict[str, str]) -> Below:
    return Below(children=cards, sizing_mode="stretch_width", styles=styles)


class Drawn(pn.pane.Bokeh):
    """A Bokeh model that needs nothing more done to it: to look through all of its parts takes longer than to draw."""

    def _get_model(self, doc: Any, root: Any = None, parent: Any = None, comm: Any = None) -> Any:  # noqa: ARG002
        self._models[(root or self.object).ref["id"]] = self.object, parent
        return self.object


def _pane(model: UIElement) -> pn.pane.Bokeh:
    return Drawn(model, sizing_mode="stretch_width", margin=0)


def page() -> Viewable:
    """A new session of the ops console."""
    shell.start_session()
    return Ops().page()
