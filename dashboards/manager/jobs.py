"""The jobs table: one page of what the filter finds, kept fresh, and what is to be done with the chosen ones."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit import queries
from pqkit.hide import redacted
from pqkit.queries import Filter, JobView, Key
from pqkit.queue import Queue
from pqkit.states import JobState

from .. import shell
from ..words import NOTHING, clock, count
from .acting import Acting
from .address import AGES, ANY, Address
from .desk import Desk
from .lock import whole
from .one import One
from .parts import stack
from .sheet import CHOICE, NARROW, Sheet, button, line

PAGE = 50
SHOWN_CHARS = 160
COUNTED = 10_000
DEAD = Filter(states=(JobState.FAILED, JobState.UNPROCESSABLE, JobState.RETRYING))
LOOKED_AT = 500
GROUPS_EVERY = 20.0
ORDERS = {"newest first": False, "oldest first": True}
COLUMNS = {"Job": 70, "State": 118, "Task": 120, "Queue": 84, "Prio": 46, "Runs": 50, "Worker": 92, "Created": 80}
COLUMNS |= {"Due/ended": 86}
LAST = "Error / arguments"
HIDDEN = ["Prio", "Worker", "Created"]
TABLE_CSS = Path(__file__).with_name("table.css").read_text()
CHOSEN = "background-color: color-mix(in srgb, var(--mui-palette-primary-main) 20%, transparent)"
COLORS = {
    JobState.COMPLETED: "success",
    JobState.RETRYING: "warning",
    JobState.FAILED: "error",
    JobState.UNPROCESSABLE: "error",
    JobState.PROCESSING: "primary",
    JobState.PENDING: "primary",
}


class Jobs:
    """The part of the page that most people come for."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.address = desk, Address()
        self.sheet = Sheet()
        self.one = One(desk, self.sheet)
        self.numbers, self.where = shell.Block(), shell.Block(sizing_mode=None, width=260)
        start = self.address.start
        self.one.chosen = int(start["job"]) if start["job"].isdecimal() and len(start["job"]) < 19 else None
        self.state = pmui.Select(label="State", options=[ANY, *map(str, JobState)], value=start["state"], **CHOICE)
        self.queue = pmui.Select(label="Queue", options=_with(start["queue"]), value=start["queue"], **CHOICE)
        self.task = pmui.Select(label="Task", options=_with(start["task"]), value=start["task"], **CHOICE)
        self.age = pmui.Select(label="Age", options=list(AGES), value=start["age"], **CHOICE)
        self.text = pmui.TextInput(label="In arguments", value=start["text"], **NARROW)
        self.error = pmui.TextInput(label="In last error", value=start["error"], **NARROW)
        self.group = pmui.Select(label="Errors like", options=_with(start["group"]), value=start["group"], **CHOICE)
        self.order = pmui.Select(label="Order", options=list(ORDERS), value=start["order"], **CHOICE)
        self.number = pmui.TextInput(label="Open job number", value=start["job"], **NARROW)
        self.newer = button("Newer", self._back, disabled=True)
        self.older = button("Older", self._on, disabled=True)
        self.table = _table(self._mark)
        self.acting = Acting(desk, self.sheet, self.filter, self.picked)
        self.rows: list[JobView] = []
        self._starts: list[Key | None] = [None]
        self._ticket = 0
        self._due = self._groups_due = 0.0
        self._found: int | None = None
        for field in self._fields():
            field.param.watch(self._filtered, "value")
        self.number.param.watch(self._typed, "value")
        self.table.on_click(self._clicked)
        self.table.param.watch(self._picked, "selection")
        self._places: list[int] = []
        self._ids: set[int] = set()

    def view(self) -> Viewable:
        fields = (*self._fields(), self.number)
        paging = line(self.newer, self.older, self.where)
        jobs = shell.card(line(*fields), self.acting.bar, self.table, paging)
        both = shell.row(jobs, self.one.view, basis=(560, 360), grow=(3, 1))
        return stack(self.numbers, self.sheet.view, both)

    async def tick(self) -> None:
        """Refresh where that is due: a question that takes long is asked less often, at a tenth of the time."""
        if time.monotonic() >= self._due:
            await self.refresh()

    async def refresh(self) -> None:
        """Ask for the numbers, the page of jobs and the chosen job, and show them; a later question wins."""
        self._ticket += 1
        ticket, began = self._ticket, time.monotonic()
        wanted, start, oldest = self.filter(), self._starts[-1], ORDERS[self.order.value]

        def page(queue: Queue) -> list[JobView]:
            return queries.jobs(queue.database, wanted, limit=PAGE + 1, before=start, oldest=oldest)

        rows = await self.desk.ask(page)
        if rows is None or ticket != self._ticket:
            return
        self._show(rows)
        await self.one.refresh()
        await self._count(wanted, ticket)
        await self._look_at_errors()
        self._due = time.monotonic() + 9 * (time.monotonic() - began)

    def filter(self) -> Filter:
        """What the fields ask for."""
        states = () if self.state.value == ANY else (JobState(self.state.value),)
        queue, task, group = (None if it.value == ANY else it.value for it in (self.queue, self.task, self.group))
        older, newer = AGES[self.age.value]
        return Filter(states, queue, task, older, newer, self.text.value or None, self.error.value or None, group)

    def picked(self) -> list[JobView]:
        """The jobs that are ticked."""
        return [job for job in self.rows if job.id in self._ids]

    def _fields(self) -> tuple[Any, ...]:
        return (self.state, self.queue, self.task, self.age, self.text, self.error, self.group, self.order)

    def _show(self, rows: list[JobView]) -> None:
        seen = self.desk.feed.latest
        if seen.counts is not None:
            self.numbers.object = number_tiles(seen.counts)
            self.queue.options = _with(self.queue.value, *(queue.name for queue in seen.queues))
            tasks = {task for worker in seen.workers for task in worker.tasks} | {job.task for job in rows}
            self.task.options = _with(self.task.value, *tasks)
        more, self.rows = len(rows) > PAGE, rows[:PAGE]
        table = frame(self.rows)
        if not table.equals(self.table.value):
            self.table.param.update(value=table, height=table_height(len(self.rows)))
        self._tick_again()
        self.older.disabled, self.newer.disabled = not more, len(self._starts) == 1
        self._make_room()
        self.acting.show()

    def _make_room(self) -> None:
        """Beside a job's card the table shows what tells its rows apart."""
        shown = self.one.chosen is not None
        self.one.view.visible = shown
        self.table.hidden_columns = HIDDEN if shown else []

    def _tick_again(self) -> None:
        """The table ticks places; the jobs in them have moved on."""
        places = [place for place, job in enumerate(self.rows) if job.id in self._ids]
        if set(self.table.selection) != set(places):
            self._places = self.table.selection = places

    def _picked(self, event: Any) -> None:
        if set(event.new) != set(self._places):
            self._places = event.new
            self._ids = {self.rows[place].id for place in event.new if place < len(self.rows)}
            self.acting.show()

    async def _count(self, wanted: Filter, ticket: int) -> None:
        """How many jobs there are in all, counted no further than to 10,000."""
        if wanted == Filter() and self.desk.feed.latest.counts is not None:
            self._found = sum(self.desk.feed.latest.counts.values())
        if self._found is None:
            found = await self.desk.ask(lambda queue: queries.matching(queue.database, wanted, COUNTED))
            if ticket != self._ticket:
                return
            self._found = found
        total, exact = self._found or 0, wanted == Filter()
        words = f"{count(COUNTED)} or more" if total >= COUNTED and not exact else count(max(total, len(self.rows)))
        first = PAGE * (len(self._starts) - 1) + 1
        shown = f"{count(first)} to {count(first + len(self.rows) - 1)} of {words}" if self.rows else "none"
        self.where.object = f"<span class='muted'>{shown}</span>"
        self._found = None

    async def _look_at_errors(self) -> None:
        """The patterns of the latest errors, to choose from."""
        if time.monotonic() < self._groups_due:
            return
        self._groups_due = time.monotonic() + GROUPS_EVERY

        def groups(queue: Queue) -> list[str]:
            looked_at = queries.survey(queue.database, queries.ids(queue.database, DEAD, LOOKED_AT))
            return [alike.pattern for alike in looked_at.errors]

        found = await self.desk.ask(groups)
        self.group.options = _with(self.group.value, *(found or ()))

    def _mark(self, job: str, cells: int) -> list[str]:
        """The styles of a job's row: the one whose card is open."""
        return [CHOSEN if job == str(self.one.chosen) else ""] * cells

    @whole
    async def _clicked(self, event: Any) -> None:
        if event.row < len(self.rows):
            await self._choose(self.rows[event.row].id)

    @whole
    async def _typed(self, event: Any) -> None:
        text = event.new.strip().lstrip("#")
        if text.isdecimal() and len(text) < 19:
            await self._choose(int(text))

    async def _choose(self, job_id: int) -> None:
        self.one.chosen = job_id
        self._write_address()
        self._make_room()
        self.table.param.trigger("value")  # styles travel with the data
        await self.one.refresh()

    @whole
    async def _filtered(self, *_: Any) -> None:
        self._starts, self._found = [None], None
        self._ids = set()
        self._write_address()
        await self.refresh()

    async def _on(self, *_: Any) -> None:
        self._starts.append(self.rows[-1].key)
        await self.refresh()

    async def _back(self, *_: Any) -> None:
        self._starts.pop()
        await self.refresh()

    def _write_address(self) -> None:
        names = ("state", "queue", "task", "age", "text", "error", "group", "order")
        said = {name: field.value for name, field in zip(names, self._fields(), strict=True)}
        self.address.write({**said, "job": str(self.one.chosen or "")})


def _with(value: str, *others: str) -> list[str]:
    """The options of a choice: any, the one that is chosen, and the others."""
    return list(dict.fromkeys([ANY, *sorted({value, *others} - {ANY})]))


def table_height(rows: int) -> int:
    """Pixels for all of them: the page scrolls and the table does not, for it would jump to a ticked row at each
    refresh."""
    return 34 + 30 * max(rows, 4) + 12


def _table(mark: Callable[[str, int], list[str]]) -> pn.widgets.Tabulator:
    table = pn.widgets.Tabulator(
        frame([]),
        disabled=True,
        show_index=False,
        selectable="checkbox",
        height=table_height(0),
        sizing_mode="stretch_width",
        layout="fit_columns",
        stylesheets=[TABLE_CSS],
        widths=COLUMNS,
        margin=(8, 0),
        # Sorting would order one page only and look as if it were all of them.
        configuration={"columnDefaults": {"headerSort": False}, "rowHeight": 30, "placeholder": "No job fits."},
    )
    table.style.map(_state_style, subset=["State"]).apply(lambda row: mark(row["Job"], len(row)), axis=1)
    return table


def _state_style(state: str) -> str:
    color = COLORS.get(JobState(state.split(maxsplit=1)[0]))
    return f"font-weight: 600; color: var(--mui-palette-{f'{color}-main' if color else 'text-secondary'})"


def frame(rows: list[JobView]) -> pd.DataFrame:
    """The table's text, one row per job; the widget shows it as text and never as markup."""
    return pd.DataFrame([_cells(job) for job in rows], columns=[*COLUMNS, LAST], dtype=object)


def _cells(job: JobView) -> tuple[str, ...]:
    stopping = job.state is JobState.PROCESSING and job.cancel_requested_at is not None
    return (
        str(job.id),
        f"{job.state} (stopping)" if stopping else str(job.state),
        job.task,
        job.queue,
        str(job.priority),
        str(job.attempt),
        f"for {job.assigned_to}" if job.assigned_to else job.worker or NOTHING,
        clock(job.created_at),
        clock(job.finished_at or job.due_at),
        (job.error or redacted(job.args))[:SHOWN_CHARS],
    )


def number_tiles(counts: dict[JobState, int]) -> str:
    return shell.tiles(
        shell.tile(state.capitalize(), count(counts[state]), shell.NOTES[state], state) for state in JobState
    )
