"""The manager console: the jobs one by one. It shows and does not act yet, because it has no login yet."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pandas as pd
import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit import queries
from pqkit.errors import NotFound, PqkitError
from pqkit.queries import Filter, JobView, Key
from pqkit.queue import Queue
from pqkit.states import JobState

from . import detail, shell
from .feed import shared
from .words import NOTHING, clock, count

T = TypeVar("T")
TITLE = "pqkit · Manager"
EVERY = 5.0
PAGE = 50
ANY = "any"
SHOWN_CHARS = 160
READ_ONLY = "This page shows and changes nothing: acting from here needs a login, which comes with a later version."
FIELD = {
    "size": "small",
    "variant": "outlined",
    "margin": 0,
    "sizing_mode": "stretch_width",
    "styles": {"flex": "1 1 130px", "min-width": "0"},
}
# The same height as a text field's.
CHOICE = {**FIELD, "value": ANY, "sx": {"& .MuiSelect-select": {"paddingTop": "8.5px", "paddingBottom": "8.5px"}}}
BUTTON = {"variant": "outlined", "size": "small", "disabled": True, "margin": 0}
COLUMNS = {
    "Job": 64,
    "State": 110,
    "Task": 114,
    "Queue": 72,
    "Runs": 52,
    "Worker": 88,
    "Created": 76,
    "Due/ended": 86,
}
LAST = "Error / arguments"
TABLE_CSS = """
:host .tabulator { font-size: 13.5px !important; border: 0 !important; }
.tabulator .tabulator-tableholder .tabulator-row { cursor: pointer; min-height: 31px !important; }
.tabulator .tabulator-row .tabulator-cell { padding: 6px 9px !important; height: 31px !important; line-height: 19px; }
.tabulator .tabulator-tableholder .tabulator-row:hover {
  background-color: color-mix(in srgb, var(--mui-palette-primary-main) 9%, transparent) !important; }
.tabulator .tabulator-tableholder .tabulator-row:hover { color: inherit !important; }
"""
CHOSEN = "background-color: color-mix(in srgb, var(--mui-palette-primary-main) 20%, transparent)"
COLORS = {
    JobState.COMPLETED: "success",
    JobState.RETRYING: "warning",
    JobState.FAILED: "error",
    JobState.UNPROCESSABLE: "error",
    JobState.PROCESSING: "primary",
    JobState.PENDING: "primary",
}


class Manager:
    """One session of the page."""

    def __init__(self) -> None:
        self.feed = shared()
        self.away, self.numbers = shell.Block(visible=False), shell.Block()
        self.where = shell.Block(sizing_mode=None, width=200)
        self.card = shell.Block(min_height=200)
        self.state = pmui.Select(label="State", options=[ANY, *map(str, JobState)], **CHOICE)
        self.queue = pmui.Select(label="Queue", options=[ANY], **CHOICE)
        self.text = pmui.TextInput(label="In arguments", **FIELD)
        self.error = pmui.TextInput(label="In last error", **FIELD)
        self.number = pmui.TextInput(label="Open job number", **FIELD)
        self.newer = pmui.Button(label="Newer", **BUTTON, on_click=self._newer)
        self.older = pmui.Button(label="Older", **BUTTON, on_click=self._older)
        self.table = _table(self._mark)
        self.rows: list[JobView] = []
        self.chosen: int | None = None
        self._starts: list[Key | None] = [None]
        self._ticket = 0
        for field in (self.state, self.queue, self.text, self.error):
            field.param.watch(self._filtered, "value")
        self.number.param.watch(self._typed, "value")
        self.table.on_click(self._clicked)

    def page(self) -> Viewable:
        """The whole page, which keeps itself fresh while its session lives."""
        pn.state.onload(self.refresh)
        pn.state.add_periodic_callback(self.refresh, period=int(EVERY * 1000))
        fields = (self.state, self.queue, self.text, self.error, self.number)
        filters = pn.FlexBox(*fields, gap="10px", align_items="center", margin=0)
        paging = pn.FlexBox(self.newer, self.older, self.where, gap="10px", align_items="center", margin=0)
        jobs = shell.card(filters, self.table, paging)
        one = shell.card(self.card)
        both = shell.row(jobs, one, basis=(640, 340), grow=(9, 1))
        notice = shell.Block()
        notice.object = f"<span class='muted' role='note'>{READ_ONLY}</span>"
        return shell.make_page(TITLE, shell.body(self.away, self.numbers, both, notice))

    async def refresh(self) -> None:
        """Ask for the numbers, the page of jobs and the chosen job, and show them; a later question wins."""
        self._ticket += 1
        ticket, wanted, start = self._ticket, self._filter(), self._starts[-1]
        try:
            rows = await self._ask(lambda queue: queries.jobs(queue.database, wanted, limit=PAGE + 1, before=start))
            one = await self._ask(self._one)
        except PqkitError as error:
            text = f"The database cannot be read: {error}. Trying again."
            self.away.param.update(object=shell.banner(text), visible=True)
            return
        if ticket == self._ticket:
            self.away.visible = False
            self._show(rows, one)

    async def _ask(self, question: Callable[[Queue], T]) -> T:
        """Answer in a thread of its own, so that a slow question holds up no other session."""
        return await asyncio.to_thread(lambda: question(self.feed.queue()))

    def _one(self, queue: Queue) -> str:
        if self.chosen is None:
            return "<p class='muted'>Choose a job in the table to see all that is known about it.</p>"
        try:
            return detail.words(queries.job(queue.database, self.chosen))
        except NotFound:
            return f"<p class='muted'>There is no job {self.chosen}.</p>"

    def _filter(self) -> Filter:
        states = () if self.state.value == ANY else (JobState(self.state.value),)
        queue = None if self.queue.value == ANY else self.queue.value
        return Filter(states=states, queue=queue, text=self.text.value or None, error=self.error.value or None)

    def _show(self, rows: list[JobView], one: str) -> None:
        seen = self.feed.latest
        if seen.counts is not None:
            self.numbers.object = number_tiles(seen.counts)
            self.queue.options = [ANY, *(name for name in (q.name for q in seen.queues) if name != ANY)]
        more, self.rows = len(rows) > PAGE, rows[:PAGE]
        table = frame(self.rows)
        if not table.equals(self.table.value):
            self.table.value = table
        self.older.disabled, self.newer.disabled = not more, len(self._starts) == 1
        self.where.object = f"<span class='muted'>page {len(self._starts)}, {len(self.rows)} jobs</span>"
        self.card.object = one

    def _mark(self, job: str, cells: int) -> list[str]:
        """The styles of a job's row. The table's own selection is one of places, and jobs move down as others come."""
        return [CHOSEN if job == str(self.chosen) else ""] * cells

    async def _clicked(self, event: Any) -> None:
        if event.row < len(self.rows):
            await self._choose(self.rows[event.row].id)

    async def _typed(self, event: Any) -> None:
        text = event.new.strip().lstrip("#")
        if text.isdecimal() and len(text) < 19:
            await self._choose(int(text))

    async def _choose(self, job_id: int) -> None:
        self.chosen = job_id
        self.table.param.trigger("value")  # styles travel with the data
        await self.refresh()

    async def _filtered(self, *_: Any) -> None:
        self._starts = [None]
        await self.refresh()

    async def _older(self, *_: Any) -> None:
        self._starts.append(self.rows[-1].key)
        await self.refresh()

    async def _newer(self, *_: Any) -> None:
        self._starts.pop()
        await self.refresh()


def _table(mark: Callable[[str, int], list[str]]) -> pn.widgets.Tabulator:
    table = pn.widgets.Tabulator(
        frame([]),
        disabled=True,
        show_index=False,
        selectable=False,
        height=560,
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
    color = COLORS.get(JobState(state))
    return f"font-weight: 600; color: var(--mui-palette-{f'{color}-main' if color else 'text-secondary'})"


def frame(rows: list[JobView]) -> pd.DataFrame:
    """The table's text, one row per job; the widget shows it as text and never as markup."""
    return pd.DataFrame([_cells(job) for job in rows], columns=[*COLUMNS, LAST], dtype=object)


def _cells(job: JobView) -> tuple[str, ...]:
    return (
        str(job.id),
        str(job.state),
        job.task,
        job.queue,
        str(job.attempt),
        job.worker or NOTHING,
        clock(job.created_at),
        clock(job.finished_at or job.due_at),
        (job.error or job.args)[:SHOWN_CHARS],
    )


def number_tiles(counts: dict[JobState, int]) -> str:
    return shell.tiles(
        shell.tile(state.capitalize(), count(counts[state]), shell.NOTES[state], state) for state in JobState
    )


def page() -> Viewable:
    """A new session of the manager console."""
    shell.start_session()
    return Manager().page()
