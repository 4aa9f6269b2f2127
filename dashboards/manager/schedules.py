"""The Schedules tab: next times, outcomes of the last slots, verbs for the chosen one."""

from functools import partial
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit.domain.payload import read_json
from pqkit.domain.schedule_times import Missed, Overlap, Schedule
from pqkit.queries.schedules import SlotView, coming, schedules, slots
from pqkit.queue import Operator, Queue, Schedules

from .. import theme
from ..document_lock import locked
from ..formatting import NOTHING, clock, safe
from .confirm_dialog import CHOICE, NARROW, PICK, WHOLE_LINE, Sheet, button, line, offer
from .session import Desk
from .widgets import Words, stack

COLUMNS = [("Schedule", ""), ("When", ""), ("Next", ""), ("Task", ""), ("Queue", ""), ("Missed slots", "")]
COLUMNS += [("While one runs", ""), ("Paused", "wide"), ("Arguments", "wide")]
SLOTS = [("Slot", ""), ("Job", "number"), ("State", ""), ("Why none", "wide")]
ABOUT = {
    "run": "A job of this moment is queued, whatever the schedule's times, overlap and pause say.",
    "pause": "Nothing is queued for it until it is resumed.",
    "resume": "It goes on with the first slot after now; those of the pause are passed over.",
    "delete": "It and its slots are forgotten; the jobs that it has queued stay.",
}
LABELS = {"run": "Run now", "pause": "Pause", "resume": "Resume", "delete": "Delete"}
DONE = {"pause": "paused", "resume": "resumed", "delete": "deleted"}


class Planned:
    """A table of all schedules, and the last slots of the chosen one."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sheet = desk, Sheet(desk)
        self._table, self._slots = Words(), Words()
        self._past = theme.card(self._slots)
        self._past.visible = False
        self._name = pmui.Select(label="Schedule", options=[], visible=False, **PICK)
        self._buttons = {verb: button(label, partial(self._ask, verb)) for verb, label in LABELS.items()}
        self._edit = button("Change", partial(self._write, new=False))
        self._new = button("New schedule", partial(self._write, new=True))
        self._seen: dict[str, Schedule] = {}
        self._name.param.watch(self._chosen, "value")

    def view(self) -> Viewable:
        verbs = line(self._name, *self._buttons.values(), self._edit, self._new)
        return stack(self.sheet.view, theme.card(stack(verbs, self._table)), self._past)

    async def refresh(self) -> None:
        name = self._name.value

        def look(queue: Queue) -> tuple[list[Schedule], list[SlotView]]:
            return schedules(queue.database), slots(queue.database, name) if name else []

        found = await self.desk.ask(look)
        if found is None:
            return
        self._seen = {one.name: one for one in found[0]}
        offer(self._name, list(self._seen))
        self._table.object = theme.grid(COLUMNS, map(row, found[0]), "Nothing comes by itself yet.")
        title = theme.head(f"Last slots of {name}", _following(self._seen.get(name or "")))
        self._slots.object = title + theme.grid(SLOTS, map(slot_row, found[1]), "It has had none.") if name else ""
        self._past.visible = bool(name)
        self._show_buttons()

    @locked
    async def _chosen(self, *_: Any) -> None:
        await self.refresh()

    def _show_buttons(self) -> None:
        one = self._seen.get(self._name.value or "")
        fits = {"pause": one and one.paused_at is None, "resume": one and one.paused_at is not None}
        for verb, each in self._buttons.items():
            each.visible = bool(fits.get(verb, one)) and self.desk.may(f"{verb}_schedule")
        self._edit.visible = one is not None and self.desk.may("edit_schedule")
        self._new.visible = self.desk.may("add_schedule")

    def _ask(self, verb: str, *_: Any) -> None:
        name = self._name.value

        def do(operator: Operator, reason: str | None) -> str:
            came = getattr(Schedules(operator), verb)(name, reason=reason)
            return f"job {came} is queued" if verb == "run" else f"schedule {name} is {DONE[verb]}"

        async def go(reason: str | None) -> bool:
            return await self.desk.act(lambda operator: do(operator, reason))

        words = theme.head(f"{LABELS[verb]}: schedule {name}?") + f"<p class='muted'>{safe(ABOUT[verb])}</p>"
        needs = name if verb == "delete" else None
        self.sheet.open(words, LABELS[verb], go, needs=needs, verb=f"{verb}_schedule")

    def _write(self, *_: Any, new: bool) -> None:
        old = None if new else self._seen[self._name.value]
        form = Form(old)

        def do(operator: Operator, reason: str | None) -> str:
            verbs = Schedules(operator)
            said = (verbs.add if old is None else verbs.edit)(form.name(), reason=reason, **form.said())
            return f"schedule {said.name} comes next at {clock(said.next_at)}"

        async def go(reason: str | None) -> bool:
            return await self.desk.act(lambda operator: do(operator, reason))

        title = "A new schedule?" if old is None else f"Change schedule {old.name}?"
        about = "Say one of cron and seconds. In the arguments the text {slot} stands for the slot's time."
        words = theme.head(title) + f"<p class='muted'>{safe(about)}</p>"
        self.sheet.open(words, "Add" if old is None else "Change", go, form.fields)


class Form:
    """The fields of a new or existing schedule."""

    def __init__(self, old: Schedule | None) -> None:
        self._old = old
        self._name = pmui.TextInput(label="Name", **NARROW)
        self._task = pmui.TextInput(label="Task", value=old.task if old else "", **NARROW)
        self._cron = pmui.TextInput(label="Cron", placeholder="30 2 * * *", value=(old and old.cron) or "", **NARROW)
        every = f"{old.every:g}" if old and old.every else ""
        self._every = pmui.TextInput(label="Every so many seconds", value=every, **NARROW)
        self._zone = pmui.TextInput(label="Time zone of cron", value=old.zone if old else "UTC", **NARROW)
        missed, overlap = (old.missed, old.overlap) if old else (Missed.LATEST, Overlap.SKIP)
        self._missed = pmui.Select(label="Missed slots", options=list(map(str, Missed)), value=str(missed), **CHOICE)
        self._overlap = pmui.Select(
            label="While one runs", options=list(map(str, Overlap)), value=str(overlap), **CHOICE
        )
        self._args = pmui.TextAreaInput(
            label="Arguments (JSON object)", value=old.args if old else "{}", rows=3, **WHOLE_LINE
        )
        when = [self._cron, self._every, self._zone, self._missed, self._overlap, self._args]
        self.fields = [*([] if old else [self._name, self._task]), *when]

    def name(self) -> str:
        return self._old.name if self._old else str(self._name.value).strip()

    def said(self) -> Any:
        """The options. Raises ValueError for an invalid number or invalid JSON."""
        said: dict[str, Any] = {"missed": Missed(self._missed.value), "overlap": Overlap(self._overlap.value)}
        said["args"] = read_json(self._args.value or "{}")
        if self._cron.value.strip():
            said |= {"cron": self._cron.value.strip(), "zone": self._zone.value.strip()}
        if self._every.value.strip():
            said["every"] = float(self._every.value)
        return said if self._old else {**said, "task": self._task.value.strip()}


def row(one: Schedule) -> list[str]:
    when = (
        f"cron {one.cron} {one.zone}" if one.cron else f"every {one.every:g} s" if one.every else f"at {clock(one.at)}"
    )
    why = f": {one.pause_reason}" if one.pause_reason else ""
    paused = theme.marked("warn", f"since {clock(one.paused_at)} by {one.paused_by}{why}") if one.paused_at else NOTHING
    missed = f"{one.missed}:{one.missed_cap}" if one.missed == Missed.ALL else str(one.missed)
    cells = (one.name, when, clock(one.next_at), one.task, one.queue, missed, one.overlap)
    return [*map(safe, cells), paused, safe(one.args)]


def slot_row(slot: SlotView) -> list[str]:
    span = clock(slot.at) if slot.slots == 1 else f"{clock(slot.at)} to {clock(slot.until_at)} ({slot.slots:,})"
    state = theme.marked(slot.state, slot.state) if slot.state else NOTHING
    return [safe(span), safe(slot.job_id or NOTHING), state, safe(slot.reason or NOTHING)]


def _following(one: Schedule | None) -> str:
    return safe(f"next: {', '.join(map(clock, coming(one)))}") if one and one.next_at else ""
