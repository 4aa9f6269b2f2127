"""One job's card: all its details, and the actions that its state allows."""

import json
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit import queries
from pqkit.domain.payload import read_json
from pqkit.domain.states import allows
from pqkit.errors import NotFound
from pqkit.queries.job_views import is_encrypted
from pqkit.queries.why import why
from pqkit.queue import Operator, Queue

from .. import theme
from ..formatting import safe
from . import job_detail
from .bulk_actions import VERBS, Offer
from .confirm_dialog import WHOLE_LINE, Buttons, Sheet, button
from .session import Desk
from .widgets import Words, preview, stack

EDIT, CLOSE = "replace", "close"
# Sticky beside the table only: above the table, on a phone, the card would cover the table.
STICKS = """@media (min-width: 1000px) {
  :host { position: sticky; top: 12px; max-height: calc(100vh - 90px) !important; overflow: auto; }
}"""


class One:
    """The card beside the table."""

    def __init__(self, desk: Desk, sheet: Sheet, close: Callable[..., object]) -> None:
        self.desk, self.sheet = desk, sheet
        self.chosen: int | None = None
        self._words = Words(min_height=200)
        make = {verb.name: partial(button, verb.label, self._pressed(verb)) for verb in VERBS}
        make |= {EDIT: partial(button, "Edit and resubmit", self._edit), CLOSE: partial(button, "Close", close)}
        self._buttons = Buttons(make)
        self._seen: queries.JobDetail | None = None

    @cached_property
    def view(self) -> Viewable:
        """The card, built when the first job is chosen."""
        view = theme.card(stack(self._buttons.view, self._words, gap=8))
        view.stylesheets = [*view.stylesheets, STICKS]
        return view

    async def refresh(self) -> None:
        """Show the current state of the chosen job."""
        chosen = self.chosen

        def look(queue: Queue) -> tuple[queries.JobDetail | None, str]:
            if chosen is None:
                return None, "<p class='muted'>Choose a job in the table to see all that is known about it.</p>"
            try:
                seen = queries.job(queue.database, chosen)
                return seen, job_detail.words(seen, why(queue.database, chosen))
            except NotFound:
                return None, f"<p class='muted'>There is no job {safe(chosen)}.</p>"

        found = await self.desk.ask(look)
        if found is None or chosen != self.chosen:
            return
        self._seen, words = found
        if words != self._words.object:
            self._words.object = words
        self._buttons.show([*self._verbs(), CLOSE])

    def _verbs(self) -> list[str]:
        if self._seen is None:
            return []
        job, barred = self._seen.job, EDIT if is_encrypted(self._seen.job) else None
        names = (*(verb.name for verb in VERBS), EDIT)
        return [name for name in names if name != barred and allows(job.state, name) and self.desk.may(name)]

    async def tick(self) -> None:
        """Refresh a job that has not ended."""
        if self._seen is not None and not self._seen.job.state.final:
            await self.refresh()

    def _pressed(self, verb: Any) -> Callable[..., Any]:
        async def press(*_: object) -> None:
            if self.chosen is None:
                return
            chosen = self.chosen
            seen = await self.desk.ask(lambda queue: (queries.survey(queue.database, [chosen]), queue.database.now()))
            if seen is None or not seen[0].frozen:
                return
            offer = Offer(verb, seen[0], [chosen])

            async def go(reason: str | None) -> bool:
                return await self.desk.act(lambda operator: offer.do(operator, reason))

            words = preview(verb.name, verb.label, *seen)
            needs = str(chosen) if verb.name == "delete" else None
            self.sheet.open(words, verb.label, go, offer.fields, needs, verb=verb.name)

        return press

    def _edit(self, *_: object) -> None:
        if self._seen is None:
            return
        job = self._seen.job
        shown = json.dumps(json.loads(job.args), indent=2, ensure_ascii=False)
        args = pmui.TextAreaInput(label="Arguments (JSON)", value=shown, rows=8, auto_grow=True, **WHOLE_LINE)

        def replace(operator: Operator, reason: str | None) -> str:
            return (
                f"job {operator.replace(job.id, _object(args.value), reason=reason)} is queued instead of job {job.id}"
            )

        async def go(reason: str | None) -> bool:
            return await self.desk.act(lambda operator: replace(operator, reason))

        words = theme.head(f"Resubmit job {job.id} with other arguments?")
        words += (
            "<p class='muted'>A new job is queued; this one keeps its history and is canceled unless it is completed. "
            "Hidden values stay as they are, as long as only numbers change beside them; else type them anew.</p>"
        )
        self.sheet.open(words, "Resubmit", go, [args])


def _object(text: str) -> dict[str, Any]:
    try:
        value = read_json(text)
    except ValueError as error:
        raise ValueError(f"the arguments are not JSON that can be read: {error}") from None
    if not isinstance(value, dict):
        raise ValueError("the arguments must be a JSON object")  # noqa: TRY004 - a person typed the value
    return value
