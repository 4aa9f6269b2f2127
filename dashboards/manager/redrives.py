"""The Redrives tab: their progress, and the actions stop and undo."""

from functools import partial
from typing import Any

import panel as pn
from panel.viewable import Viewable

from pqkit import queries
from pqkit.domain.redrive_plan import RedriveState
from pqkit.queries import RedriveView
from pqkit.queue import Operator, Redrives

from .. import theme
from ..formatting import clock, safe
from .confirm_dialog import Sheet, button, line
from .session import Desk
from .widgets import Words, many, stack

SHOWN = 12
LEVELS = {
    RedriveState.RUNNING: "busy",
    RedriveState.DONE: "good",
    RedriveState.STOPPED: "bad",
    RedriveState.UNDONE: "muted",
}


class Redriving:
    """One card for each of the latest redrives."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sheet = desk, Sheet(desk)
        self._empty = Words("<p class='muted'>No jobs have been resubmitted in bulk yet: tick them in the table.</p>")
        self._cards = pn.Column(sizing_mode="stretch_width", margin=0, styles={"gap": "12px"})
        self._shown: dict[int, _Card] = {}

    def view(self) -> Viewable:
        return stack(self.sheet.view, self._empty, self._cards)

    async def refresh(self) -> None:
        found = await self.desk.ask(lambda queue: queries.redrives(queue.database, SHOWN))
        if found is None:
            return
        self._empty.visible = not found
        if [one.id for one in found] != list(self._shown):
            self._shown = {one.id: self._shown.get(one.id) or _Card(self, one.id) for one in found}
            self._cards.objects = [card.view for card in self._shown.values()]
        for one in found:
            self._shown[one.id].show(one)


class _Card:
    def __init__(self, part: Redriving, redrive_id: int) -> None:
        self._part, self._id = part, redrive_id
        self._words = Words()
        self._stop = button("Stop", partial(self._ask, "stop"))
        self._undo = button("Undo", partial(self._ask, "undo"))
        self.view = theme.card(stack(self._words, line(self._stop, self._undo), gap=8))

    def show(self, one: RedriveView) -> None:
        self._words.object = words(one)
        running, may = one.state is RedriveState.RUNNING, self._part.desk.may
        self._stop.visible = running and may("stop_redrive")
        self._undo.visible = may("undo_redrive") and one.state is not RedriveState.UNDONE and one.tally.sent > 0

    def _ask(self, verb: str, *_: Any) -> None:
        about = {
            "stop": "No more jobs are resubmitted; those that were go on.",
            "undo": "Jobs that no worker has claimed yet are put back as they had ended; none is sent any more.",
        }[verb]
        asked = theme.head(f"{verb.capitalize()} redrive {self._id}?") + f"<p class='muted'>{about}</p>"

        async def go(reason: str | None) -> bool:
            return await self._part.desk.act(lambda operator: _do(operator, verb, self._id, reason))

        self._part.sheet.open(asked, verb.capitalize(), go)


def _do(operator: Operator, verb: str, redrive_id: int, reason: str | None) -> str:
    if verb == "stop":
        Redrives(operator).stop(redrive_id, reason=reason)
        return f"redrive {redrive_id} is stopped"
    undone = Redrives(operator).undo(redrive_id, reason=reason)
    return f"{many(undone.put_back)} put back; {undone.taken:,} had been claimed already"


def words(one: RedriveView) -> str:
    """A redrive as escaped HTML: a bar of its jobs' outcomes, and the numbers."""
    seen = one.tally
    title = f"Redrive {one.id} of {many(one.jobs)}"
    state = theme.marked(LEVELS[one.state], one.state)
    facts = {
        "Well": seen.well,
        "Failed again": seen.again,
        "Under way": seen.sent,
        "Waiting": seen.waiting,
        "Refused": seen.refused,
        "Put back": seen.undone,
    }
    said = " · ".join(f"{safe(name)} {number:,}" for name, number in facts.items() if number)
    why = f": {safe(one.reason)}" if one.reason else ""
    began = f"Begun {clock(one.at)} by {safe(one.who)}{why}"
    ended = f"; {safe(one.note or one.state)} at {clock(one.ended_at)}" if one.ended_at else ""
    rule = f"{one.canary} canaries first; stops when more than {one.tolerance:.0%} fail again"
    bar = f"{_bar(one)} {said}"
    return f"{theme.head(title, state)}<p>{bar}</p><p class='muted'>{began}{ended}. {safe(rule)}.</p>"


def _bar(one: RedriveView) -> str:
    """The outcomes of its jobs as a bar, one colour each."""
    seen, parts, at = one.tally, "", 0
    for kind, number in (("good", seen.well), ("bad", seen.again), ("busy", seen.sent), ("muted", seen.undone)):
        parts += f"<rect class='{kind}' x='{at}' width='{number}' height='1'/>"
        at += number
    return f"<svg class='share' viewBox='0 0 {one.jobs} 1' preserveAspectRatio='none' aria-hidden='true'>{parts}</svg>"
