"""The table of jobs: its columns, cells and styles."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn

from pqkit.domain.states import JobState
from pqkit.log import escape
from pqkit.queries import JobView

from .. import theme
from ..formatting import NOTHING, clock

SHOWN_CHARS = 160
COLUMNS = {"Job": 70, "State": 118, "Task": 120, "Queue": 84, "Prio": 46, "Runs": 50, "Worker": 92, "Created": 80}
COLUMNS |= {"Due/ended": 86}
STOPPING = "stopping"
"""The shown state of a processing job that was asked to stop and has not stopped yet."""
LAST = "Error / arguments"
HIDDEN = ["Prio", "Worker", "Created"]
TABLE_CSS = Path(__file__).with_suffix(".css").read_text()
CHOSEN = "background-color: color-mix(in srgb, var(--mui-palette-primary-main) 20%, transparent)"


def table_height(rows: int) -> int:
    """The table's height in pixels for all rows.

    The page scrolls, not the table, which would jump to a ticked row at each refresh.
    """
    return 34 + 30 * max(rows, 4) + 12


def make_table(mark: Callable[[str, int], list[str]]) -> pn.widgets.Tabulator:
    """The empty table; ``mark`` returns a row's styles for the job's id and number of cells."""
    table = pn.widgets.Tabulator(
        frame([]),
        disabled=True,
        editors=dict.fromkeys([*COLUMNS, LAST]),  # or the Tab key would stop at each cell
        show_index=False,
        selectable="checkbox",
        height=table_height(0),
        sizing_mode="stretch_width",
        layout="fit_columns",
        stylesheets=[TABLE_CSS],
        widths=COLUMNS,
        margin=(8, 0),
        # Sorting would order one page only, but look as if it ordered all jobs.
        configuration={"columnDefaults": {"headerSort": False}, "rowHeight": 30, "placeholder": "No job fits."},
    )
    style: Any = table.style
    style.map(_state_style, subset=["State"]).apply(lambda row: mark(row["Job"], len(row)), axis=1)
    return table


def _state_style(state: str) -> str:
    return f"font-weight: 600; color: {theme.ink(JobState.PROCESSING if state == STOPPING else state)}"


def frame(rows: list[JobView]) -> pd.DataFrame:
    """The table's text, one row per job; the widget shows it as text and never as markup."""
    return pd.DataFrame([_cells(job) for job in rows], columns=[*COLUMNS, LAST], dtype=object)


def _cells(job: JobView) -> tuple[str, ...]:
    stopping = job.state is JobState.PROCESSING and job.cancel_requested_at is not None
    return (
        str(job.id),
        STOPPING if stopping else str(job.state),
        job.task,
        job.queue,
        str(job.priority),
        str(job.attempt),
        f"for {job.assigned_to}" if job.assigned_to else job.worker or NOTHING,
        clock(job.created_at),
        clock(job.finished_at or job.due_at),
        escape(job.error or job.args)[:SHOWN_CHARS],
    )
