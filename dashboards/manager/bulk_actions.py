"""Bulk actions on the ticked jobs, or on all jobs that the filter finds."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import panel_material_ui as pmui

from pqkit import queries
from pqkit.domain.redrive_plan import CANARY, MAX_JOBS, TOLERANCE
from pqkit.domain.states import JobState, allows
from pqkit.queries import Filter, JobView, Survey
from pqkit.queue import Done, Operator, Queue, Redrives

from .confirm_dialog import NARROW, Buttons, Sheet, button
from .session import Desk
from .widgets import Words, many, preview

ASKS_TO_TYPE = 100


class Verb(NamedTuple):
    """A button: its label, the message afterwards, and the operator's verb."""

    label: str
    done: str
    name: str


VERBS = (
    Verb("Resubmit", "resubmitted", "resubmit"),
    Verb("Cancel", "canceled, or asked to stop", "cancel"),
    Verb("Mark failed", "marked failed", "mark_failed"),
    Verb("Priority", "given that priority", "set_priority"),
    Verb("Assign", "assigned", "assign"),
    Verb("Delete", "deleted", "delete"),
)


class Acting:
    """The action bar above the table."""

    def __init__(
        self, desk: Desk, sheet: Sheet, wanted: Callable[[], Filter], picked: Callable[[], list[JobView]]
    ) -> None:
        self.desk, self.sheet, self._wanted, self._picked = desk, sheet, wanted, picked
        self._words = Words(sizing_mode=None, width=84)
        self.all = pmui.Checkbox(label="all that fit the filter", margin=0, size="small")
        make = {verb.name: partial(button, verb.label, self._pressed(verb)) for verb in VERBS}
        self._buttons = Buttons(make, self._words, self.all)
        self.bar = self._buttons.view
        self.bar.styles = {**self.bar.styles, "flex": "1 1 300px"}
        self.all.param.watch(lambda *_: self.show(), "value")

    def show(self) -> None:
        """Show the verbs that at least one chosen job allows and this person may use."""
        picked, wanted = self._picked(), self._wanted()
        states = (wanted.states or tuple(JobState)) if self.all.value else tuple({job.state for job in picked})
        self._words.object = f"<span class='muted'>{many(len(picked))} ticked</span>" if not self.all.value else ""
        fit = [verb.name for verb in VERBS if any(allows(state, verb.name) for state in states)]
        self._buttons.show([name for name in fit if self.desk.may(name)])

    def _pressed(self, verb: Verb) -> Callable[..., Any]:
        async def press(*_: object) -> None:
            await self.ask(verb, None if self.all.value else [job.id for job in self._picked()])

        return press

    async def ask(self, verb: Verb, chosen: list[int] | None) -> None:
        """Freeze the ids (``None``: of all jobs that the filter finds) and open the dialog on them."""
        wanted = self._wanted()

        def look(queue: Queue) -> tuple[Survey, int]:
            ids = chosen if chosen is not None else queries.ids(queue.database, wanted, MAX_JOBS + 1)
            return queries.survey(queue.database, ids), queue.database.now()

        seen = await self.desk.ask(look)
        if seen is None:
            return
        found, now = seen
        if not found.frozen:
            self.desk.say("No job fits, so nothing was done.", "bad")
            return
        if len(found.frozen) > MAX_JOBS:
            self.desk.say(f"More than {MAX_JOBS:,} jobs fit: narrow the filter.", "bad")
            return
        offer = Offer(verb, found, list(found.frozen))
        every = chosen is None and wanted == Filter()
        needs = str(len(offer.ids)) if every or len(offer.ids) > ASKS_TO_TYPE or verb.name == "delete" else None
        words = preview(verb.name, verb.label, found, now) + offer.how()
        if every:
            words += "<p><b>There is no filter: this is every job of every queue.</b></p>"
        elif chosen is None:
            words += "<p class='muted'>Every job was looked at, also those that the table has not come to.</p>"
        self.sheet.open(words, verb.label, self._go(offer), offer.fields, needs, verb=verb.name)

    def _go(self, offer: "Offer") -> Callable[[str | None], Any]:
        async def go(reason: str | None) -> bool:
            done = await self.desk.act(lambda operator: offer.do(operator, reason))
            if done:
                self.all.value = False
            return done

        return go


class Offer:
    """A verb on frozen jobs, with its further options."""

    def __init__(self, verb: Verb, found: Survey, ids: list[int]) -> None:
        self.verb, self.found, self.ids = verb, found, ids
        self.number = pmui.TextInput(label="Priority (lower goes first)", value="0", **NARROW)
        self.worker = pmui.TextInput(label="Worker (empty: all may take them)", **NARROW)
        self.fields = {"set_priority": [self.number], "assign": [self.worker]}.get(verb.name, [])
        ended = all(state.final for state in found.frozen.values())
        self.carefully = verb.name == "resubmit" and ended and len(ids) > CANARY

    def how(self) -> str:
        if not self.carefully:
            return ""
        words = (
            f"The first {CANARY} go as canaries; when they do well the others follow in steps that double. "
            f"It stops by itself when more than {TOLERANCE:.0%} fail again, and can be undone as far as no worker "
            "has claimed them."
        )
        return f"<p class='muted'>{words}</p>"

    def do(self, operator: Operator, reason: str | None) -> str:
        if self.carefully:
            redrive = Redrives(operator).start(self.found.frozen, reason=reason)
            return f"redrive {redrive} of {many(len(self.ids))} has begun"
        done: Done = getattr(operator, self.verb.name)(self.ids, *self._said(), reason=reason)
        return report(self.verb.done, done)

    def _said(self) -> tuple[Any, ...]:
        match self.verb.name:
            case "set_priority":
                return (whole(self.number.value),)
            case "assign":
                return (self.worker.value.strip() or None,)
        return ()


def whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def report(words: str, done: Done) -> str:
    said = f"{many(len(done.changed))} {words}"
    if not done.refused:
        return said
    job, reason = next(iter(done.refused.items()))
    return f"{said}; {len(done.refused):,} refused (job {job}: {reason})"
