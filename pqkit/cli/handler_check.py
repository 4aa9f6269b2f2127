"""``pqkit test-handler``: check that a handler may safely run twice."""

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput, arguments
from pqkit.domain.tasks import find
from pqkit.settings import settings
from pqkit.testing.idempotency_check import Verdict, rehearse
from pqkit.worker.task_import import import_tasks

SHOWN = 5


def rehearse_handler(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The task's name.")],
    *,
    tasks: Annotated[
        list[str] | None, typer.Option(help="Module that declares it; otherwise the setting tasks.", show_default=False)
    ] = None,
    arg: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="One argument; repeatable.", show_default=False)
    ] = None,
    args: Annotated[
        str | None, typer.Option(metavar="JSON", help="All arguments as one JSON object.", show_default=False)
    ] = None,
    folder: Annotated[
        list[Path] | None,
        typer.Option(help="A folder that the handler works in: each run gets a copy; repeatable.", show_default=False),
    ] = None,
    most: Annotated[
        int, typer.Option(min=2, help="Maximum number of steps to kill the handler at, spread over all steps.")
    ] = 60,
    json: AsJson = False,
) -> None:
    """Kill a handler before each of its steps, run it again, and show differences; exit code 1
    if there are any.

    It runs in scratch places, on a scratch queue, with copies of the folders. Its effects elsewhere are real.
    """
    modules = tasks or settings().tasks
    import_tasks(modules)
    task = find(name)
    if task is None:
        where = f"in {', '.join(modules)}" if modules else "known: name the module that declares it with --tasks"
        raise BadInput(f"there is no task {name!r} {where}")
    given = arguments(arg or [], args)
    task.encode(given)
    folders = list(folder or [])
    for one in folders:
        if not one.is_dir():
            raise BadInput(f"{one} is not a folder")
    files = settings().files
    if files.is_dir() and files not in folders:
        folders.append(files)
    verdict = rehearse(name, given, modules=modules, folders=folders, files=files, most=most)
    if json:
        out.show_json(verdict._asdict() | {"differences": [one._asdict() for one in verdict.differences]})
    else:
        _show(name, verdict)
    if verdict.differences:
        raise typer.Exit(1)


def _show(name: str, verdict: Verdict) -> None:
    cases = [(step, list(group)) for step, group in groupby(verdict.differences, lambda found: found.step)]
    for step, found in cases[:SHOWN]:
        out.say(f"killed at {step}, and run again:", "red")
        for one in found:
            out.say(f"  {one.what}:")
            for line in one.diff:
                out.say(f"    {line}")
    if len(cases) > SHOWN:
        out.say(f"and {len(cases) - SHOWN} more steps")
    told = f"killed at {verdict.killed} of its {verdict.steps} steps; compared was {verdict.compared}"
    if cases:
        out.say(f"{name} is not idempotent: after {len(cases)} kills something is otherwise ({told})", "red")
    else:
        out.say(f"{name} left the same each time ({told})", "green")
