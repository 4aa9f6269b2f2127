"""The Notebooks tab: a form of parameters to start a run, and past runs with their reports.

It also generates notebooks from an incident or a failed job.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit import queries
from pqkit.errors import PqkitError
from pqkit.incidents.replay_record import story_of
from pqkit.incidents.time_span import span_of
from pqkit.notebook import notebook
from pqkit.notebook.generate import job_notebook, regression_notebook
from pqkit.notebook.parameters import Parameter, check_for_job, parameters_of
from pqkit.notebook.paths import ENDING, find, first_folder, folders
from pqkit.notebook.run_store import Run, past
from pqkit.queue import Operator
from pqkit.settings import settings

from .. import theme
from ..formatting import NOTHING, clock, safe
from .confirm_dialog import CHOICE, FIELD, NARROW, PICK, button, columns, line, offer
from .reports import frame
from .session import Desk
from .widgets import Words, stack

COLUMNS = [("Began", ""), ("Notebook", ""), ("Verdict", ""), ("Job", "number"), ("Parameters", "wide")]
COLUMNS += [("Recorded or wrong", "wide"), ("Report", "")]
SHOWN = 20
ABOUT = (
    "A field that stays as it is keeps the notebook's own value. Experiments run on a scratch queue of their own. What "
    "says that it is not for a job is set by hand: pqkit run."
)
LEVELS = {"passed": "good", "failed": "bad", "running": "busy", "stopped": "warn"}


class Notebooks:
    """The form, the table, and one report."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        names = known_notebooks()
        self._notebook = pmui.Select(label="Notebook", options=names, value=names[0] if names else None, **CHOICE)
        self._why = pmui.TextInput(label="Why (goes on record)", **FIELD)
        self._about, self._place = Words(f"<p class='muted'>{safe(ABOUT)}</p>"), columns()
        self._fields: dict[str, tuple[Parameter, Any]] = {}
        self._go = button("Run it as a job", self._start, strong=True)
        self._table, self._report, self._barred = Words(), Words(), Words()
        self._run = pmui.Select(label="Run", options=[], visible=False, **PICK)
        self._shown = theme.card(self._report)
        self._shown.visible = False
        self._show = button("Show its report", self._open)
        self._regress = button("Make it a regression", self._make_regression)
        self._job = pmui.TextInput(label="Number of a failed job", **NARROW)
        self._write = button("Open in a notebook", self._open_job)
        self._seen: dict[str, Run] = {}
        self._notebook.param.watch(lambda *_: self._lay_out(), "value")
        self._run.param.watch(lambda *_: self._show_buttons(), "value")
        self._lay_out()

    def view(self) -> Viewable:
        form = stack(
            Words(theme.head("Run a notebook")),
            self._about,
            columns(self._notebook),
            self._place,
            self._why,
            self._go,
            self._barred,
        )
        past_runs = stack(self._table, line(self._run, self._show, self._regress, self._job, self._write))
        return stack(theme.card(form), theme.card(past_runs), self._shown)

    async def refresh(self) -> None:
        """Reload the past runs and keep the choice."""
        found = await asyncio.to_thread(past, SHOWN)
        self._seen = dict(found)
        offer(self._run, list(self._seen))
        head = theme.head("Past runs", f"kept in {safe(settings().runs)}")
        self._table.object = head + theme.grid(COLUMNS, [row(*each) for each in found], "No notebook has run yet.")
        self._show_buttons()

    def _show_buttons(self) -> None:
        run = self._seen.get(self._run.value or "")
        self._go.disabled, self._barred.object = not self.desk.may("enqueue"), self.desk.barred("enqueue")
        self._show.disabled = run is None or run.verdict == "running"
        asked = run.parameters if run else {}
        spans = bool(asked.get("start") and asked.get("end")) and not asked.get("url")  # of this queue
        self._regress.disabled = not (spans and self.desk.may("enqueue"))
        self._write.disabled = not self.desk.may("enqueue")

    def _lay_out(self) -> None:
        """Lay out a field for each parameter of the chosen notebook, filled with its default."""
        try:
            known = parameters_of(find(self._notebook.value)) if self._notebook.value else {}
        except PqkitError as error:
            known = {}
            self.desk.say(str(error), "bad")
        self._fields = {name: (parameter, field(parameter)) for name, parameter in known.items()}
        self._place.objects = [each for _, each in self._fields.values()]

    def _values(self) -> dict[str, Any]:
        """The values that were changed in the form."""
        said = {name: (p, each.value) for name, (p, each) in self._fields.items() if each.value != shown(p)}
        return {name: parameter.parse(text) for name, (parameter, text) in said.items()}

    async def _start(self, *_: object) -> None:
        path = self._notebook.value

        def enqueue(operator: Operator) -> str:
            values = check_for_job(find(path), self._values())
            job = operator.enqueue(notebook, {"path": path, "parameters": values}, reason=self._why.value or None)
            return f"job {job.id} runs {path}"

        await self.desk.act(enqueue)

    def _open(self, *_: object) -> None:
        self._report.object = frame(self._run.value or "")
        self._shown.visible = True

    async def _make_regression(self, *_: object) -> None:
        name, asked = self._run.value, self._seen[self._run.value].parameters

        def write(operator: Operator) -> str:
            story = story_of(operator.database, span_of(asked["start"], asked["end"], asked.get("queues") or ()))
            target = _target(f"regression-{name}")
            operator.note("write_notebook", kind="regression", file=target.name)
            about = f"From {asked['start']} to {asked['end']}."
            story.write(target.with_suffix(".json"))
            regression_notebook(target, target.with_suffix(".json").name, about, story.speed)
            return f"{target} plays {len(story.jobs)} jobs and {len(story.deaths)} deaths again"

        await self.desk.act(write)

    async def _open_job(self, *_: object) -> None:
        number = self._job.value.strip().lstrip("#")
        if not number.isdecimal() or len(number) > 18:
            self.desk.say("Type the number of a job.", "bad")
            return

        def write(operator: Operator) -> str:
            queries.job(operator.database, int(number))
            target = _target(f"job-{number}")
            operator.note("write_notebook", kind="job", job=int(number), file=target.name)
            job_notebook(target, int(number), settings().tasks, Path.cwd())
            return f"{target} opens job {number}"

        await self.desk.act(write)


def known_notebooks() -> list[str]:
    """The relative paths of the notebooks that may be jobs."""
    return sorted({str(path.relative_to(folder)) for folder in folders() for path in folder.glob(f"*{ENDING}")})


def field(parameter: Parameter) -> Any:
    label = f"{parameter.name} ({parameter.words})"
    return pmui.TextInput(label=label, value=shown(parameter), helper_text=parameter.about, **NARROW)


def shown(parameter: Parameter) -> str:
    """A parameter's default as a person would type it."""
    default = parameter.default
    return default if isinstance(default, str) else "" if default is None else json.dumps(default)


def row(name: str, run: Run) -> list[str]:
    said = run.error or ", ".join(f"{name} = {value}" for name, value in run.recorded.items())
    if run.verdict == "running":
        said = run.cell
    asked = ", ".join(f"{name} = {value}" for name, value in run.parameters.items())
    job = str(run.job[0]) if run.job else NOTHING
    verdict = theme.marked(LEVELS[run.verdict], run.verdict)
    return [clock(run.began_at), safe(run.notebook), verdict, job, safe(asked[:120]), safe(said[:160]), link(name, run)]


def link(name: str, run: Run) -> str:
    """A link to the report on its own page."""
    if run.verdict == "running":
        return NOTHING
    return f"<a href='./runs/{safe(name)}' target='_blank' rel='noopener' title='Report {safe(name)}'>report</a>"


def _target(stem: str) -> Path:
    return first_folder() / f"{stem}{ENDING}"
