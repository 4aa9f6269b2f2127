"""The audit trail: every action with its operator and reason."""

import json
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit import queries
from pqkit.queries import Entry, Trace

from .. import theme
from ..document_lock import locked
from ..formatting import NOTHING, clock, safe
from .confirm_dialog import NARROW, button, line
from .session import Desk
from .widgets import Words, stack

PAGE = 50
COLUMNS = [("When", ""), ("Who", ""), ("Did", ""), ("Job", "number"), ("Why", "wide"), ("What else", "wide")]


class Trail:
    """A page of actions, newest first."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._who = pmui.TextInput(label="Who", **NARROW)
        self._verb = pmui.TextInput(label="Did (such as cancel)", **NARROW)
        self._job = pmui.TextInput(label="Job", **NARROW)
        self._newer = button("Newer", self._back, disabled=True)
        self._older = button("Older", self._on, disabled=True)
        self._table = Words()
        self._starts: list[int | None] = [None]
        self._last: int | None = None
        for field in (self._who, self._verb, self._job):
            field.param.watch(self._filtered, "value")

    def view(self) -> Viewable:
        fields = line(self._who, self._verb, self._job)
        return theme.card(stack(fields, self._table, line(self._newer, self._older)))

    async def refresh(self) -> None:
        wanted, start = self._trace(), self._starts[-1]
        found = await self.desk.ask(lambda queue: queries.trail(queue.database, wanted, limit=PAGE + 1, before=start))
        if found is None:
            return
        self._table.object = theme.grid(COLUMNS, map(row, found[:PAGE]), "Nobody has done anything yet.")
        self._older.disabled, self._newer.disabled = len(found) <= PAGE, len(self._starts) == 1
        self._last = found[PAGE - 1].id if len(found) > PAGE else None

    def _trace(self) -> Trace:
        job = self._job.value.strip()
        number = int(job) if job.isdecimal() and len(job) < 19 else None
        verb = self._verb.value.strip().lower().replace(" ", "_")
        return Trace(self._who.value.strip() or None, verb or None, number)

    @locked
    async def _filtered(self, *_: Any) -> None:
        self._starts = [None]
        await self.refresh()

    async def _on(self, *_: Any) -> None:
        if self._last is not None:
            self._starts.append(self._last)
            await self.refresh()

    async def _back(self, *_: Any) -> None:
        self._starts.pop()
        await self.refresh()


def row(entry: Entry) -> list[str]:
    known = json.loads(entry.detail)
    detail = ", ".join(
        f"{name} {_said(name, value)}" for name, value in known.items() if value is not None and value != ""
    )
    job = "" if entry.job_id is None else str(entry.job_id)
    cells = (clock(entry.at), entry.who, entry.verb.replace("_", " "), job, entry.reason or NOTHING, detail)
    return [safe(cell) for cell in cells]


def _said(name: str, value: Any) -> str:
    """An action's detail in readable form; times are stored in microseconds UTC."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "before" and isinstance(value, int):
        return clock(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
