"""``pqkit run`` and ``pqkit runs``: execute notebooks, judge them and keep the runs."""

import json as json_text
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput, Reason, Yes, seconds, with_unit
from pqkit.notebook import parameter_grid as grids
from pqkit.notebook import parameters, paths, run_store
from pqkit.notebook.run_pruner import Bounds, ExpiredRun, delete, expired
from pqkit.queue import get_queue
from pqkit.settings import settings

SAMPLE = 10
app = typer.Typer(help="List and prune runs of notebooks, and run one notebook for many values.", no_args_is_help=True)
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="A parameter of the notebook; repeatable."),
]
CellTimeout = Annotated[
    float | None, typer.Option(parser=seconds, metavar="TIME", help="How long one cell may take: 60s, 10m.")
]


def run(
    notebook: Annotated[str, typer.Argument(help="A notebook, or the name of one in the notebooks' folders.")],
    parameter: Parameters = None,
    *,
    cell_timeout: CellTimeout = None,
) -> None:
    """Execute a notebook and keep it with its HTML report; exit code 1 if a cell fails."""
    from pqkit.notebook.execute import run as execute  # noqa: PLC0415 - a command loads its own needs

    path = _found(notebook)
    values = parameters.parse(path, parameter or [])
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=out.console(stderr=True), transient=True) as bar:
        shown = bar.add_task("starting the kernel", total=1.0)
        folder, found = execute(
            path,
            values,
            cell_timeout=cell_timeout,
            watch=lambda part, words: bar.update(shown, completed=part, description=words),
        )
    for name, value in found.recorded.items():
        out.say(f"{name} = {value}")
    out.say(f"report: {folder / run_store.REPORT}")
    if found.verdict != "passed":
        out.say(f"{found.verdict}: {found.error}", "red")
        raise typer.Exit(1)
    out.say("passed", "green")


def _found(name: str) -> Path:
    path = Path(name)
    return path if path.is_file() else paths.find(name if name.endswith(paths.ENDING) else name + paths.ENDING)


@app.command("list")
def list_runs(
    *, limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20, json: AsJson = False
) -> None:
    """List runs of notebooks, newest first, with their parameters and outcomes."""
    found = run_store.past(limit)
    if json:
        out.show_json([{"run": name, **vars(run)} for name, run in found])
        return
    rows = [(name, _verdict(run), _in_words(run.parameters), _in_words(run.recorded), run.error) for name, run in found]
    out.show(out.table(("run", "verdict", "~parameters", "~recorded", "~error"), rows))
    out.say(f"in {settings().runs.absolute()}")


@app.command()
def prune(
    *,
    older_than: Annotated[
        float | None,
        typer.Option(
            parser=with_unit,
            metavar="AGE",
            help="Ended at least this long ago: 2h, 7d. Default: as the settings keep_runs and max_runs say.",
            show_default=False,
        ),
    ] = None,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Also delete runs that a person made by `pqkit run`.")
    ] = False,
    reason: Reason = None,
    yes: Yes = False,
) -> None:
    """Delete runs of notebooks that ended long ago, and record it; each run of a job does the
    same by the settings.
    """
    wanted = settings()
    bounds = Bounds(wanted.keep_runs, wanted.max_runs) if older_than is None else Bounds(older_than / 86_400, None)
    database = get_queue(create=False).database
    found = expired(bounds, time.time_ns() // 1000, by_hand=by_hand)
    if not found:
        out.say(f"nothing to prune in {wanted.runs.absolute()}")
        return
    total = f"{out.many(len(found), 'run')}, {out.size(sum(run.size for run in found))}"
    out.ask(f"delete {total}?", yes=yes, preview=lambda to: _preview(to, found))
    out.say(f"deleted {out.many(delete(database, found, reason=reason), 'run')} from {wanted.runs.absolute()}")


def _preview(to: Console, found: list[ExpiredRun]) -> None:
    rows = [(each.name, each.run.verdict, out.size(each.size)) for each in found[:SAMPLE]]
    to.print(out.table(("run", "verdict", ">size"), rows))
    if len(found) > SAMPLE:
        to.print(f"… and {len(found) - SAMPLE} more")


@app.command()
def grid(
    path: Annotated[str, typer.Argument(help="A notebook in one of the notebooks' folders.")],
    *,
    axis: Annotated[
        list[str], typer.Option("--axis", "-a", metavar="NAME=[…]", help="A parameter and its values, as a JSON list.")
    ],
    parameter: Parameters = None,
    queue: Annotated[str | None, typer.Option(help="Queue; default: notebooks.")] = None,
) -> None:
    """Queue a notebook once for each combination of values; `pqkit runs table` collects the
    recorded values.
    """
    axes = dict(map(_axis, axis))
    fixed = parameters.parse(paths.find(path), parameter or [])
    label, ids = grids.enqueue_grid(get_queue(), path, axes, fixed, **({"queue": queue} if queue else {}))
    out.say(f"{out.many(len(ids))} queued ({ids[0]} to {ids[-1]})")
    out.say(f"pqkit runs table {label}")


def _axis(text: str) -> tuple[str, list[Any]]:
    name, _, values = text.partition("=")
    try:
        found = json_text.loads(values)
    except (ValueError, RecursionError):
        found = None
    if not name or not isinstance(found, list) or not found:
        raise BadInput(f"--axis takes a name and a JSON list, such as width=[100,200], not {text!r}")
    return name, found


@app.command()
def table(
    label: Annotated[str, typer.Argument(help="The label that grid has printed.")], *, json: AsJson = False
) -> None:
    """Show the values that the notebooks of a grid recorded, one row for each run."""
    rows = grids.collect(get_queue(create=False).database, label)
    if json:
        out.show_json(rows)
        return
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out.show(out.table(columns, [[row.get(name) for name in columns] for row in rows]))


def _verdict(run: run_store.Run) -> str:
    return f"running: {run.cell}" if run.verdict == "running" else run.verdict


def _in_words(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={json_text.dumps(value, ensure_ascii=False)}" for name, value in values.items())
