"""The Queues tab: create, delete, pause and resume queues, and change their limits."""

import json
from collections.abc import Sequence
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit import queries
from pqkit.domain.queue_limits import QueueSettings
from pqkit.domain.states import WAITING
from pqkit.operations.operator import MOST_WITH_QUEUE
from pqkit.queries import QueueView
from pqkit.queue import Operator

from .. import theme
from ..formatting import NOTHING, age, clock, count, safe
from .confirm_dialog import NARROW, PICK, Sheet, button, line, offer
from .session import Desk
from .widgets import Words, stack, until

COLUMNS = [("Queue", ""), ("Pending", "number"), ("Oldest waits", "number"), ("Processing", "number")]
COLUMNS += [("Scheduled", "number"), ("Retrying", "number"), ("Paused", "wide"), ("Settings", "wide")]
UNITS = {
    "concurrency": "jobs at once, on all workers together",
    "key_concurrency": "jobs with the same limit key at once",
    "rate": "jobs that start in “rate per”",
    "rate_per": "seconds",
    "rate_burst": "of them at once after a rest",
    "ageing": "seconds for a step of priority",
    "max_retries": "retries, where task and call say nothing",
    "backoff": "seconds before each retry, such as 1, 2, 4",
    "keep_completed": "days that completed jobs are kept",
    "keep_dead": "days that failed jobs are kept",
}
SAID = {
    "concurrency": "concurrency {}",
    "key_concurrency": "key concurrency {}",
    "rate": "rate {}",
    "rate_per": "per {} s",
    "rate_burst": "burst {}",
    "ageing": "ageing {} s",
    "max_retries": "max retries {}",
    "backoff": "backoff {} s",
    "keep_completed": "completed kept {} d",
    "keep_dead": "failed kept {} d",
}
WHOLE = {"concurrency", "key_concurrency", "rate", "rate_burst", "max_retries"}


class Queues:
    """A table of all queues, and the verbs for the chosen one."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sheet = desk, Sheet(desk)
        self._table = Words()
        self._queue = pmui.Select(label="Queue", options=[], visible=False, **PICK)
        verbs = {
            "pause": ("Pause", self._pause),
            "resume": ("Resume", self._resume),
            "set_queue": ("Settings", self._settings),
            "delete_queue": ("Delete", self._delete),
            "create_queue": ("New queue", self._create),
        }
        self._buttons = {name: button(label, ask) for name, (label, ask) in verbs.items()}
        self._seen: dict[str, QueueView] = {}
        self._now = 0
        self._queue.param.watch(lambda *_: self._show_buttons(), "value")

    def view(self) -> Viewable:
        return stack(self.sheet.view, theme.card(stack(line(self._queue, *self._buttons.values()), self._table)))

    async def refresh(self) -> None:
        found = await self.desk.ask(lambda queue: (queries.queues(queue.database), queue.database.now()))
        if found is None:
            return
        views, self._now = found
        self._seen = {view.name: view for view in views}
        offer(self._queue, list(self._seen))
        rows = (self._row(view) for view in views)
        self._table.object = theme.grid(COLUMNS, rows, "There is no queue yet: the first job of one enters it.")
        self._show_buttons()

    def _row(self, view: QueueView) -> list[str]:
        numbers = (view.processing, view.scheduled, view.retrying)
        waits = age(view.oldest_pending_age)
        cells = [safe(view.name), count(view.pending), waits, *map(count, numbers)]
        return [*cells, self._pause_words(view), safe(settings_words(view.settings))]

    def _paused(self, view: QueueView) -> bool:
        return view.paused_at is not None and (view.paused_until is None or view.paused_until > self._now)

    def _pause_words(self, view: QueueView) -> str:
        if not self._paused(view):
            return NOTHING
        end = f" until {clock(view.paused_until)}" if view.paused_until else ""
        why = f": {view.pause_reason}" if view.pause_reason else ""
        return theme.marked("warn", f"since {clock(view.paused_at)} by {view.paused_by}{end}{why}")

    def _show_buttons(self) -> None:
        view = self._seen.get(self._queue.value or "")
        fits = {"pause": view and not self._paused(view), "resume": view and self._paused(view)}
        for name, each in self._buttons.items():
            there = name == "create_queue" or bool(fits.get(name, view))
            each.visible = there and self.desk.may(name)

    def _pause(self, *_: Any) -> None:
        name = self._queue.value
        end = pmui.TextInput(label="For how long (30m, 2h; empty: until resumed)", **NARROW)

        def pause(operator: Operator, reason: str | None) -> str:
            operator.pause(name, reason=reason, until=until(end.value))
            return f"queue {name} is paused"

        about = "No worker takes jobs from it; what runs, runs on, and jobs may still come in."
        self._open(f"Pause queue {name}?", about, "Pause", pause, [end])

    def _resume(self, *_: Any) -> None:
        name = self._queue.value

        def resume(operator: Operator, reason: str | None) -> str:
            operator.resume(name, reason=reason)
            return f"queue {name} is resumed"

        self._open(f"Resume queue {name}?", "Workers take jobs from it again.", "Resume", resume)

    def _create(self, *_: Any) -> None:
        field = pmui.TextInput(label="Name", **NARROW)

        def create(operator: Operator, _: str | None) -> str:
            made = operator.create_queue(field.value)
            return f"queue {field.value} is {'made' if made else 'there already'}"

        self._open("Make a queue?", "It is there before its first job comes.", "Make it", create, [field])

    def _delete(self, *_: Any) -> None:
        name, view = self._queue.value, self._seen[self._queue.value]
        waiting = view.pending + view.scheduled + view.retrying

        def delete(operator: Operator, reason: str | None) -> str:
            jobs = waiting_in(operator, name) if waiting else []
            operator.delete_queue(name, reason=reason, cancel=jobs)
            return f"queue {name} is deleted" + (f", {len(jobs):,} of its jobs are canceled" if jobs else "")

        about = "Ended jobs keep its name; its settings and its pause are forgotten."
        if waiting:
            about += f" It is not empty: {waiting:,} waiting jobs will be canceled first."
        self._open(
            f"Delete queue {name}?", about, "Delete", delete, needs=name if waiting else None, verb="delete_queue"
        )

    def _settings(self, *_: Any) -> None:
        name, now = self._queue.value, self._seen[self._queue.value].settings._asdict()
        fields = {
            option: pmui.TextInput(label=option.replace("_", " "), value=_said(now[option]), helper_text=unit, **NARROW)
            for option, unit in UNITS.items()
        }

        def change(operator: Operator, reason: str | None) -> str:
            options = {option: _value(option, field.value) for option, field in fields.items()}
            changed = {
                option: value for option, value in options.items() if value != _value(option, _said(now[option]))
            }
            operator.set_queue(name, reason=reason, **changed)
            return f"settings of queue {name} are changed: {', '.join(changed) or 'nothing'}"

        about = "An empty field leaves it to the task and to pqkit's defaults. Limits hold from the next claim on."
        self._open(
            f"Change settings of queue {name}?",
            about,
            "Change",
            change,
            list(fields.values()),
            verb="shorten_retention",
        )

    def _open(
        self,
        title: str,
        about: str,
        label: str,
        deed: Any,
        fields: Sequence[Viewable] = (),
        *,
        needs: str | None = None,
        verb: str = "",
    ) -> None:
        async def go(reason: str | None) -> bool:
            return await self.desk.act(lambda operator: deed(operator, reason))

        words = theme.head(title) + f"<p class='muted'>{safe(about)}</p>"
        self.sheet.open(words, label, go, fields, needs, verb=verb)


def waiting_in(operator: Operator, name: str) -> list[int]:
    """The ids of a queue's waiting jobs, at most one more than can be canceled with it."""
    return queries.ids(operator.database, queries.Filter(states=WAITING, queue=name), MOST_WITH_QUEUE + 1)


def settings_words(settings: QueueSettings) -> str:
    """The queue's own settings, with units."""
    said = [SAID[name].format(_said(value)) for name, value in settings._asdict().items() if value is not None]
    return "; ".join(said) or NOTHING


def _said(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(f"{each:g}" for each in json.loads(value)) if isinstance(value, str) else f"{value:g}"


def _value(option: str, text: str) -> Any:
    """Parse the text that a person typed. Raises ValueError."""
    text = text.strip()
    if not text:
        return None
    try:
        if option == "backoff":
            return [float(part) for part in text.replace(",", " ").split()]
        return int(text) if option in WHOLE else float(text)
    except ValueError:
        raise ValueError(f"{option.replace('_', ' ')}: {text!r} is not a number") from None
