"""``pqkit files``: the folder of the demo's files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pqkit.cleanup.stamped_files import Old, delete, useless
from pqkit.cli import output as out
from pqkit.cli.inputs import Reason, Yes, with_unit
from pqkit.queue import get_queue
from pqkit.settings import settings

app = typer.Typer(no_args_is_help=True, help="Clean up the folder of files.")
SAMPLE = 10


@app.callback()
def about() -> None:
    """Clean up the folder of files."""


@app.command()
def clean(
    older_than: Annotated[
        float,
        typer.Option(parser=with_unit, metavar="AGE", help="Last written at least this long ago: 30s, 5m, 2h, 7d."),
    ],
    reason: Reason = None,
    yes: Yes = False,
) -> None:
    """Delete files of completed jobs, and staged files of jobs that ended otherwise.

    Only regular files in the folder of the setting "files": links are not followed, folders not entered, and a file
    that no completed job has stamped is kept. The demo's task clean_files does the same by schedule.
    """
    folder = settings().files
    queue = get_queue(create=False)
    found = useless(queue, folder, older_than)
    if not found:
        out.say(f"nothing to clean in {folder}")
        return
    total = f"{out.many(len(found), 'file')}, {out.size(sum(file.size for file in found))}"
    out.ask(f"delete {total}?", yes=yes, preview=lambda to: _preview(to, folder, found))
    queue.operator().note("clean_files", reason, files=len(found))
    out.say(f"deleted {out.many(delete(folder, found), 'file')} from {folder}")


def _preview(to: Console, folder: Path, found: list[Old]) -> None:
    rows = [(file.name, out.size(file.size), f"{out.span(file.age)} ago") for file in found[:SAMPLE]]
    to.print(out.table((f"~file in {folder}", ">size", "written"), rows))
    if len(found) > SAMPLE:
        to.print(f"… and {len(found) - SAMPLE} more")
