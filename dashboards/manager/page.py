"""The manager console's page. It acts, so it requires a login."""

import json
from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit.errors import PqkitError

from .. import request_guard, theme
from ..document_lock import locked, show_work, waited_for
from ..formatting import safe, sentence
from .audit_log import Trail
from .cleanup import CleanUp
from .confirm_dialog import BUTTON, line
from .jobs import Jobs
from .login import Gate, Visitor
from .new_job import Calling
from .notebook_runs import Notebooks
from .queues import Queues
from .redrives import Redriving
from .reports import ADDRESS, Report
from .schedules import Planned
from .session import Desk
from .widgets import Words, stack
from .workers import Workers

TITLE = "pqkit · Manager"
# On a phone the tabs wrap, so that all are visible.
TABS = {
    # Or nothing in it could be sticky while the page scrolls.
    "&.MuiBox-root, & .MuiBox-root": {"overflow": "visible !important"},
    "& .MuiTab-root": {"textTransform": "none", "fontSize": "14px", "minHeight": "36px", "padding": "6px 14px"},
    "& .MuiTab-root, & .MuiTab-root.Mui-selected": {"minWidth": "0", "borderBottom": "2px solid transparent"},
    "& .MuiTab-root.Mui-selected": {"borderBottomColor": "currentColor"},
    "& .MuiTabs-root": {"minHeight": "36px", "marginBottom": "12px"},
    "& .MuiTabs-list, & .MuiTabs-flexContainer": {"flexWrap": "wrap"},
    "& .MuiTabs-indicator": {"display": "none"},
    "@media (max-width: 640px)": {"& .MuiTab-root": {"padding": "6px 8px", "fontSize": "13.5px"}},
}
MOST_BYTES = 1024 * 1024
"""Maximum size of a message to the server: a job's arguments may take a quarter of it, and are sent quoted."""
EVERY, FOLLOWED_EVERY = 5_000, 1_000
PARTS: dict[str, Callable[[Desk], Any]] = {
    "Jobs": Jobs,
    "Redrives": Redriving,
    "Queues": Queues,
    "Workers": Workers,
    "Schedules": Planned,
    "New job": Calling,
    "Notebooks": Notebooks,
    "Clean up": CleanUp,
    "Audit trail": Trail,
}

# In the browser, so that it does not wait for the server, whose answer then sets the same.
SWAP = """
for (const [number, name] of %s.entries()) {
  const place = cb_obj.document.get_model_by_name(name)
  if (place) { place.visible = number == cb_obj.active }
}"""


def server_options(port: int) -> dict[str, Any]:
    """Options of this page's server: the login, and signed tokens."""
    gate = Gate(port)
    patterns = [(ADDRESS, Report), *gate.patterns()]
    return {**request_guard.server_options(MOST_BYTES), **gate.server_options(), "extra_patterns": patterns}


def page() -> Viewable:
    """A new session of the manager console."""
    theme.start_session()
    visitor = Visitor(theme.current_request())
    try:
        principal = visitor.principal()
    except PqkitError as error:
        return theme.make_page(TITLE, theme.body(_out(str(error))))
    return Manager(visitor, principal).page()


class Manager:
    """One session of the page."""

    def __init__(self, visitor: Visitor, principal: Any) -> None:
        self.desk = Desk(visitor, principal, self._end)
        show_work(self.desk.working)
        self.jobs = Jobs(self.desk)
        self._parts: dict[str, Any] = {"Jobs": self.jobs}
        self._places = {"Jobs": _place("Jobs", self.jobs.view())}
        self._ticking: list[Any] = []
        self._over = False
        # The parts are below the tabs and not in them: tabs would rebuild a part each time it is opened, and a browser
        # would lose changes that are made during the rebuild.
        nothing = pn.Spacer()
        self._tabs = pmui.Tabs(*((name, nothing) for name in PARTS), margin=0, sizing_mode="stretch_width", sx=TABS)
        self._tabs.jscallback(active=SWAP % json.dumps(list(PARTS)))
        self._tabs.param.watch(self._turned, "active")
        self.desk.changed.append(self._refresh)
        above = (self.desk.working, self.desk.away, self.desk.message, self._tabs)
        self._main = stack(*above, *self._places.values(), gap=8)
        self._visitor = self._visitor_line()

    def page(self) -> Viewable:
        pn.state.onload(self._start)
        return theme.make_page(TITLE, theme.body(self._main), header=[self._visitor])

    def _visitor_line(self) -> pn.Row:
        name, role = safe(self.desk.principal.name), safe(self.desk.principal.role)
        who = Words(f"<span>{name} <span class='muted'>{role}</span></span>", sizing_mode=None)
        # A header's buttons are otherwise white on any background.
        ink = {"color": "inherit", "borderColor": "color-mix(in srgb, currentColor 30%, transparent)"}
        right = line(who, _leave_button(sx={"&.MuiButton-root": ink}))
        right.styles = {**right.styles, "justify-content": "flex-end", "flex-wrap": "nowrap"}
        return right

    @locked
    async def _start(self) -> None:
        await self._refresh()
        if self._over:
            return
        self._ticking = [
            pn.state.add_periodic_callback(self._tick, period=EVERY),
            pn.state.add_periodic_callback(locked(self.jobs.one.tick), period=FOLLOWED_EVERY),
        ]

    def _open_part(self) -> Any:
        """The open part, made when it is first opened, so that the page loads sooner."""
        name = list(PARTS)[self._tabs.active]
        if name not in self._parts:
            self._parts[name] = PARTS[name](self.desk)
            self._places[name] = _place(name, self._parts[name].view())
            self._main.append(self._places[name])
        for each, place in self._places.items():
            place.visible = each == name
        return self._parts[name]

    @waited_for
    async def _turned(self, *_: object) -> None:
        self.desk.use()
        self.desk.say("")
        await self._refresh()

    async def _refresh(self) -> None:
        await self._open_part().refresh()

    @locked
    async def _tick(self) -> None:
        """Refresh only the open part."""
        part = self._open_part()
        if part is self.jobs:
            await self.jobs.tick()
        elif await self.desk.ask(lambda _: True):  # a part without queries must end with the session, too
            await part.refresh()

    def _end(self, why: str) -> None:
        """End the session's page: remove its content and stop its queries."""
        if self._over:
            return
        self._over = True
        for ticking in self._ticking:
            ticking.stop()
        self._main.objects, self._visitor.objects = [_out(why)], []


def _place(name: str, part: Viewable) -> pn.Column:
    return pn.Column(part, name=name, sizing_mode="stretch_width", margin=0, styles={"flex": "0 0 auto"})


def _leave_button(**look: object) -> pmui.Button:
    """The logout button opens a page: only an HTTP response can delete the cookie."""
    leave = pmui.Button(label="Log out", variant="outlined", color="primary", **BUTTON, **look)
    leave.js_on_click(code="window.location.assign('./logout')")
    return leave


def _out(why: str) -> Words:
    return Words(f"<div class='said' role='alert'>{safe(sentence(why))} <a href='./login'>Log in</a></div>")
