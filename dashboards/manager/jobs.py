"""The Jobs tab: a live page of the jobs that the filter finds, and actions on chosen ones."""

import time
from typing import Any, NamedTuple

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit import queries
from pqkit.domain.states import JobState
from pqkit.queries import Filter, JobView, Key
from pqkit.queue import Queue

from .. import theme
from ..document_lock import locked, waited_for
from ..formatting import count
from ..poller import LONGEST_REST, REST
from .bulk_actions import Acting
from .confirm_dialog import CHOICE, NARROW, PICK, Choice, Sheet, button, columns, line
from .job_card import One
from .jobs_table import CHOSEN, HIDDEN, frame, make_table, table_height
from .session import Desk
from .url_state import AGES, ANY, Address
from .widgets import stack

PAGE = 50
DEAD = Filter(states=(JobState.FAILED, JobState.UNPROCESSABLE, JobState.RETRYING))
LOOKED_AT = 500
GROUPS_EVERY = 20.0
ORDERS = {"newest first": False, "oldest first": True}


class Start(NamedTuple):
    """The key where a page begins, and the number of jobs on the pages before it."""

    key: Key | None
    jobs: int


class Jobs:
    """The main tab of the page."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.address = desk, Address()
        self.sheet = Sheet(desk)
        self.one = One(desk, self.sheet, self._close)
        self.numbers, self.where = theme.Block(), theme.Block(styles={"flex": "1 1 260px"})
        start = self.address.start
        self.one.chosen = int(start["job"]) if start["job"].isdecimal() and len(start["job"]) < 19 else None
        self.state = Choice(label="State", options=[ANY, *map(str, JobState)], value=start["state"], **CHOICE)
        self.queue = Choice(label="Queue", options=_with(start["queue"]), value=start["queue"], **CHOICE)
        self.task = Choice(label="Task", options=_with(start["task"]), value=start["task"], **CHOICE)
        self.age = Choice(label="Age", options=list(AGES), value=start["age"], **CHOICE)
        self.text = pmui.TextInput(label="In arguments", value=start["text"], **NARROW)
        self.error = pmui.TextInput(label="In last error", value=start["error"], **NARROW)
        self.group = Choice(label="Errors like", options=_with(start["group"]), value=start["group"], **CHOICE)
        self.order = Choice(label="Order", options=list(ORDERS), value=start["order"], **CHOICE)
        self.number = pmui.TextInput(label="Open job number", value=start["job"], **PICK)
        self.back = button("Previous", self._back, disabled=True)
        self.on = button("Next", self._on, disabled=True)
        self.table = make_table(self._mark)
        self.acting = Acting(desk, self.sheet, self.filter, self.picked)
        self.rows: list[JobView] = []
        self._starts = [Start(None, 0)]
        self._ticket = 0
        self._due = self._groups_due = 0.0
        self._next: Key | None = None
        for field in self._fields():
            field.param.watch(self._filtered, "value")
        self.number.param.watch(self._typed, "value")
        self.table.on_click(self._clicked)
        self.table.param.watch(self._picked, "selection")
        self._places: list[int] = []
        self._ids: set[int] = set()

    def view(self) -> Viewable:
        fields, self._bar, self._paging = columns(*self._fields(), least=140), stack(), stack()
        self._bar.margin = (8, 0, 0, 0)
        card = theme.card(fields, self._bar, self.table, self._paging)
        self._both = both = theme.row(card, basis=(560,), grow=(3,))
        # On a phone the chosen job's card is above the table; side by side, `wrap-reverse` and `flex-end` cancel out.
        both.styles = {**both.styles, "flex-wrap": "wrap-reverse", "align-items": "flex-end"}
        return stack(self.numbers, self.sheet.view, both)

    async def tick(self) -> None:
        """Refresh if it is due: a slow query runs less often, for about a tenth of the time."""
        if time.monotonic() >= self._due:
            await self.refresh()

    async def refresh(self) -> None:
        """Query and show the numbers, the page of jobs and the chosen job; a later query wins."""
        self._ticket += 1
        ticket, began = self._ticket, time.monotonic()
        wanted, start, oldest = self.filter(), self._starts[-1].key, ORDERS[self.order.value]

        def page(queue: Queue) -> queries.Searched:
            return queries.search(queue.database, wanted, limit=PAGE, before=start, oldest=oldest)

        found = await self.desk.ask(page)
        if found is None or ticket != self._ticket:
            return
        self._show(found)
        await self.one.refresh()
        await self._look_at_errors()
        self._due = time.monotonic() + min(REST * (time.monotonic() - began), LONGEST_REST)

    def filter(self) -> Filter:
        """The filter that the fields describe."""
        states = () if self.state.value == ANY else (JobState(self.state.value),)
        queue, task, group = (None if it.value == ANY else it.value for it in (self.queue, self.task, self.group))
        older, newer = AGES[self.age.value]
        return Filter(states, queue, task, older, newer, said(self.text), said(self.error), group)

    def picked(self) -> list[JobView]:
        """The ticked jobs."""
        return [job for job in self.rows if job.id in self._ids]

    def _fields(self) -> tuple[Any, ...]:
        return (self.state, self.queue, self.task, self.age, self.text, self.error, self.group, self.order)

    def _show(self, found: queries.Searched) -> None:
        seen = self.desk.feed.latest
        if seen.counts is not None:
            self.numbers.object = number_tiles(seen.counts)
            self.queue.options = _with(self.queue.value, *(queue.name for queue in seen.queues))
            tasks = {task for worker in seen.workers for task in worker.tasks} | {job.task for job in found.jobs}
            self.task.options = _with(self.task.value, *tasks)
        self.rows, self._next = found.jobs, found.next
        table = frame(self.rows)
        if not table.equals(self.table.value):
            self.table.param.update(value=table, height=table_height(len(self.rows)))
        self._tick_again()
        self.back.disabled = len(self._starts) == 1
        label = "Search on" if found.next and len(found.jobs) < PAGE else "Next"
        self.on.param.update(label=label, disabled=found.next is None)
        words = where(found, self._starts[-1].jobs, self._all())
        self.where.object = f"<span class='muted'>{words}</span>"
        self._complete()
        self._make_room()
        self.acting.show()

    def _complete(self) -> None:
        """Add the actions and paging with the first jobs, so that the page loads sooner."""
        if not len(self._bar):
            self._bar.objects = [line(self.acting.bar, self.number)]
            self._paging.objects = [line(self.back, self.on, self.where)]

    def _make_room(self) -> None:
        """Beside a job's card, reduce the table to the columns that distinguish its rows."""
        shown = self.one.chosen is not None
        if shown and len(self._both) == 1:
            theme.give_room(self.one.view, 360, 1)
            self._both.append(self.one.view)
        if len(self._both) > 1:
            self.one.view.visible = shown
        self.table.hidden_columns = HIDDEN if shown else []

    def _tick_again(self) -> None:
        """Tick the same jobs again: the table ticks positions, and jobs have moved."""
        places = [place for place, job in enumerate(self.rows) if job.id in self._ids]
        if set(self.table.selection) != set(places):
            self._places = self.table.selection = places

    def _picked(self, event: Any) -> None:
        if set(event.new) != set(self._places):
            self._places = event.new
            self._ids = {self.rows[place].id for place in event.new if place < len(self.rows)}
            self.acting.show()

    def _all(self) -> int | None:
        """The number of matching jobs if the last sample knows it: for a state, or for all."""
        wanted, counts = self.filter(), self.desk.feed.latest.counts
        if counts is None or wanted != Filter(wanted.states):
            return None
        return sum(counts[state] for state in wanted.states or JobState)

    async def _look_at_errors(self) -> None:
        """Offer the patterns of the latest errors as choices."""
        if time.monotonic() < self._groups_due:
            return
        self._groups_due = time.monotonic() + GROUPS_EVERY

        def groups(queue: Queue) -> list[str]:
            looked_at = queries.survey(queue.database, queries.ids(queue.database, DEAD, LOOKED_AT))
            return [alike.pattern for alike in looked_at.errors]

        found = await self.desk.ask(groups)
        self.group.options = _with(self.group.value, *(found or ()))

    def _mark(self, job: str, cells: int) -> list[str]:
        """The styles of a job's row: the job whose card is open is highlighted."""
        return [CHOSEN if job == str(self.one.chosen) else ""] * cells

    @locked
    async def _clicked(self, event: Any) -> None:
        if event.row < len(self.rows):
            await self._choose(self.rows[event.row].id)

    @locked
    async def _typed(self, event: Any) -> None:
        text = event.new.strip().lstrip("#")
        if text.isdecimal() and len(text) < 19:
            await self._choose(int(text))

    async def _close(self, *_: object) -> None:
        self.number.value = ""
        await self._choose(None)

    async def _choose(self, job_id: int | None) -> None:
        self.desk.use()
        self.one.chosen = job_id
        self._write_address()
        self._make_room()
        self.table.param.trigger("value")  # styles are sent with the data
        await self.one.refresh()

    @waited_for
    async def _filtered(self, *_: Any) -> None:
        self.desk.use()
        self._starts = [Start(None, 0)]
        self._ids = set()
        self._write_address()
        blank = [field.label for field in (self.text, self.error) if field.value and said(field) is None]
        words = f"Blanks alone are no filter: {' and '.join(blank)} is taken as empty." if blank else ""
        self.desk.say(words, "bad" if blank else "")
        await self.refresh()

    async def _on(self, *_: Any) -> None:
        self._starts.append(Start(self._next, self._starts[-1].jobs + len(self.rows)))
        await self.refresh()

    async def _back(self, *_: Any) -> None:
        self._starts.pop()
        await self.refresh()

    def _write_address(self) -> None:
        names = ("state", "queue", "task", "age", None, None, "group", "order")  # the search text may be a secret
        said = {name: field.value for name, field in zip(names, self._fields(), strict=True) if name is not None}
        self.address.write({**said, "job": str(self.one.chosen or "")})


def said(field: Any) -> str | None:
    """The text in a field; None if it is blank."""
    return field.value if field.value and field.value.strip() else None


def _with(value: str, *others: str) -> list[str]:
    """The options of a menu: any, the current choice and the others."""
    return list(dict.fromkeys([ANY, *sorted({value, *others} - {ANY})]))


def where(found: queries.Searched, before: int, known: int | None) -> str:
    """The range and total of the jobs on a page, and how far the search has looked.

    ``known`` is the total in the last sample, if it has one.
    """
    last = before + len(found.jobs)
    total = count(known) if known is not None else count(max(found.matching.jobs, last))
    more = "" if found.matching.whole or known is not None else " or more"
    shown = f"{count(before + 1)} to {count(last)} of {total}{more}" if found.jobs else "none"
    if found.next is None or len(found.jobs) == PAGE:
        return shown
    return f"{shown}; at most {count(queries.AMONG)} jobs were looked at for this page: search on for the rest"


def number_tiles(counts: dict[JobState, int]) -> str:
    return theme.tiles(
        theme.tile(state.capitalize(), count(counts[state]), theme.NOTES[state], state) for state in JobState
    )
