"""The ops console's page: verdict, numbers, charts of any window, queues and workers."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, cast

import panel as pn
import panel_material_ui as pmui
from panel.models.esm import DataEvent
from panel.viewable import Viewable

from pqkit.auth import Principal
from pqkit.errors import NotLoggedIn, PqkitError, for_anybody
from pqkit.security.service_addresses import Service
from pqkit.settings import settings

from .. import request_guard, theme
from ..formatting import safe, sentence
from ..poller import EVERY
from .broadcast import shared_stage
from .investigate import Investigate
from .live_view import first, second
from .series import WINDOWS, View, microseconds
from .try_it import TryIt

TITLE = "pqkit · Operations"
ALL = "all"
MOST_BYTES = 64 * 1024
"""Maximum size of one message to the server."""
NOTHING_SHOWN = (View(), -1)
HURRY_EVERY = 0.5
"""Minimum seconds between updates that do not wait for the regular one."""
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
        },
        "& .Mui-focusVisible": theme.FOCUS,
    },
}
BUTTON = {"size": "small", "variant": "outlined", "margin": 0, "sx": {"&.Mui-focusVisible": theme.FOCUS}}
SELECT = {"size": "small", "variant": "outlined", "margin": 0, "width": 170, "sx": theme.LOW_SELECT}


def server_options(port: int) -> dict[str, Any]:
    """Options of this page's server: signed tokens and limits on input.

    The manager console's login is included if the settings require it.
    """
    if not settings().ops_login:
        return request_guard.server_options(MOST_BYTES)
    from ..manager.login import Gate  # noqa: PLC0415 - imports the whole manager console

    gate = Gate(port, Service.OPS)
    return {**request_guard.server_options(MOST_BYTES), **gate.server_options(), "extra_patterns": gate.patterns()}


class Ops:
    """One session of the page. ``still_in`` raises NotLoggedIn when the session is over."""

    def __init__(self, still_in: Callable[[], Principal | None] = lambda: None) -> None:
        self._still_in, self._over = still_in, False
        self._ticking: list[Any] = []
        self.stage, self.charts = shared_stage(), second()
        self.view, self._shown, self._begun = View(), NOTHING_SHOWN, False
        self._picked, self._hurried = (0.0, 0.0), -HURRY_EVERY
        self.window = pmui.RadioButtonGroup(options=list(WINDOWS), value=self.view.window, **WINDOW)
        self.queue = pmui.Select(label="Queue", options=[ALL], value=ALL, **SELECT)
        self.task = pmui.Select(label="Task", options=[ALL], value=ALL, **SELECT)
        self.zoom = pmui.Button(label="Zoom in", disabled=True, on_click=self._zoom, **BUTTON)
        self.live = pmui.Button(label="Back to live", disabled=True, on_click=self._live, **BUTTON)
        self.investigate = Investigate(self.span, still_in)
        for choice in (self.window, self.queue, self.task):
            choice.param.watch(self._chosen, "value")
        self.charts.on_msg(self._told)

    def page(self) -> Viewable:
        """The whole page, which refreshes itself while its session lives."""
        self._offer()
        choices = (self.window, self.queue, self.task, self.zoom, self.live, self.investigate.button)
        row = pn.FlexBox(*choices, gap="10px", align_items="center", margin=0)
        tried = theme.row(TryIt(self._still_in).card(), self.investigate.card(), basis=(480, 480))
        self._body = theme.body(first(), row, self.charts, tried)
        return theme.make_page(TITLE, self._body)

    async def update(self) -> None:
        """Send the changes since the last update; a missing scene is made in a thread."""
        if self._over or not await self._is_in():
            return
        scene = await asyncio.to_thread(self.stage.scene, self.view)
        view, version = self._shown
        if (view, version) == (self.view, scene.version):
            return
        self._offer()
        follows = view == self.view and scene.version == version + 1
        self.charts.send(scene.patch if follows else scene.full())
        self._shown = self.view, scene.version

    async def _is_in(self) -> bool:
        """True while this person may watch; otherwise the page is emptied."""
        try:
            await asyncio.to_thread(self._still_in)
        except NotLoggedIn as error:
            self._over, self._body.objects = True, [_out(str(error))]
            for ticking in self._ticking:
                ticking.stop()
            return False
        except PqkitError:  # the page says that the database is unavailable
            return True
        return True

    def span(self) -> tuple[int, int, str | None]:
        """The picked span or the whole window, in microseconds UTC, and the chosen queue."""
        start, end = self._picked
        if not start < end:
            start, end = self.stage.scene(self.view).shown()
        return microseconds(start), microseconds(end), self.view.queue

    def _told(self, event: DataEvent) -> None:
        """Handle a message from the page, which a stranger may have forged."""
        match event.data:
            case {"ready": True}:
                self._begin()
            case {"picked": [int() | float() as start, int() | float() as end]}:
                self._picked = start, end
                self.zoom.disabled = not start < end

    def _begin(self) -> None:
        self._shown = NOTHING_SHOWN
        if not self._begun:
            self._ticking.append(
                pn.state.add_periodic_callback(cast("Callable[[], None]", self.update), period=int(EVERY * 1000))
            )
        self._begun = True
        self._update_soon()

    def _update_soon(self) -> None:
        """Schedule an update as the document's callback, which keeps its lock across awaits.

        Of many changes in quick succession, the last appears with the next regular update.
        """
        now, before = time.monotonic(), self._hurried
        if pn.state.curdoc is not None and now - before >= HURRY_EVERY:
            self._hurried = now
            pn.state.curdoc.add_next_tick_callback(cast("Callable[[], None]", self.update))

    def _chosen(self, *_: Any) -> None:
        queue, task = (None if choice.value == ALL else choice.value for choice in (self.queue, self.task))
        self.view = View(self.window.value, queue, task)
        self._live()
        self._update_soon()

    def _zoom(self, *_: Any) -> None:
        self.charts.send(json.dumps({"hold": self._picked}))
        self.zoom.disabled, self.live.disabled = True, False

    def _live(self, *_: Any) -> None:
        self.charts.send(json.dumps({"hold": None}))
        self._picked = (0.0, 0.0)
        self.zoom.disabled = self.live.disabled = True

    def _offer(self) -> None:
        """Offer the queues and tasks, including those added while the page is open."""
        seen = self.stage.seen()
        queues, tasks = (
            (queue.name for queue in seen.queues),
            {task for worker in seen.workers for task in worker.tasks},
        )
        for choice, names in ((self.queue, queues), (self.task, sorted(tasks))):
            offered = list(dict.fromkeys([ALL, choice.value, *names]))
            if offered != choice.options:
                choice.options = offered


def page() -> Viewable:
    """A new session of the ops console."""
    theme.start_session()
    if not settings().ops_login:
        return Ops().page()
    from ..manager.login import Visitor  # noqa: PLC0415 - see server_options

    visitor = Visitor(theme.current_request())
    try:
        visitor.principal()
    except PqkitError as error:
        return theme.make_page(TITLE, theme.body(_out(for_anybody(error))))
    return Ops(visitor.principal).page()


def _out(why: str) -> Viewable:
    block = theme.Block()
    block.object = f"<p role='alert'>{safe(sentence(why))} <a href='./login'>Log in</a></p>"
    return block
