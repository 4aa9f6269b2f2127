"""``pqkit files``: the folder of the demo's files."""

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.inputs import Yes, seconds
from pqkit.errors import NotFound
from pqkit.files import UnsafePath, read_regular
from pqkit.payload import decode
from pqkit.queue import Queue, get_queue
from pqkit.settings import settings
from pqkit.states import JobState

app = typer.Typer(no_args_is_help=True, help="Clean up the folder of files.")
STAMPED_BY = re.compile(rb"\S+ job=(\d+)\r?\n")
STAGED = re.compile(r"\..+\.(\d+)-\d+\.staged")
SAMPLE = 10


class Old(NamedTuple):
    """A regular file of the folder; ``age`` in seconds since it was last written."""

    name: str
    size: int
    age: float


@app.callback()
def about() -> None:
    """Clean up the folder of files."""


@app.command()
def clean(
    older_than: Annotated[
        float, typer.Option(parser=seconds, metavar="AGE", help="Last written at least so long ago: 30s, 5m, 2h, 7d.")
    ],
    yes: Yes = False,
) -> None:
    """Delete files whose job is completed, and staged left-overs of jobs that have ended.

    Only regular files in the folder of the setting "files": no links are followed, no folders entered, and a file
    that no completed job has stamped is kept.
    """
    folder = settings().files
    found = [file for file in _old_files(folder, older_than) if _done_with(get_queue(create=False), folder, file)]
    if not found:
        out.say(f"nothing to clean in {folder}")
        return
    total = f"{out.many(len(found), 'file')}, {out.size(sum(file.size for file in found))}"
    out.ask(f"delete {total}?", yes=yes, preview=lambda to: _preview(to, folder, found))
    out.say(f"deleted {out.many(_delete(folder, found), 'file')} from {folder}")


def _old_files(folder: Path, older_than: float) -> Iterator[Old]:
    """Regular files last written so long ago. NotFound where the folder is not there or is a link."""
    if folder.is_symlink() or not folder.is_dir():
        raise NotFound(f"{folder} is not a folder (setting PQKIT_FILES)")
    now = time.time()
    with os.scandir(folder) as entries:
        for entry in entries:
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and now - found.st_mtime >= older_than:
                yield Old(entry.name, found.st_size, now - found.st_mtime)


def _done_with(queue: Queue, folder: Path, file: Old) -> bool:
    staged = STAGED.fullmatch(file.name)
    if staged:
        return _ended_with_files(queue, int(staged[1]))
    try:
        stamp = STAMPED_BY.match(read_regular(folder / file.name))
    except (OSError, UnsafePath):
        return False
    return stamp is not None and _completed(queue, int(stamp[1]), file.name)


def _ended_with_files(queue: Queue, job_id: int) -> bool:
    """The job is over and its files are in place, so what it staged and left is of no use."""
    try:
        return queue.ending(job_id) is not None
    except NotFound:
        return True


def _completed(queue: Queue, job_id: int, name: str) -> bool:
    """The job is completed and was about this file: a file's content alone could claim any job."""
    found = queries.listed(queue.database, [job_id])
    args: Any = decode(found[0].args) if found else {}
    return bool(found) and found[0].state is JobState.COMPLETED and name in args.values()


def _preview(to: Console, folder: Path, found: list[Old]) -> None:
    rows = [(file.name, out.size(file.size), f"{out.span(file.age)} ago") for file in found[:SAMPLE]]
    to.print(out.table((f"~file in {folder}", ">size", "written"), rows))
    if len(found) > SAMPLE:
        to.print(f"… and {len(found) - SAMPLE} more")


def _delete(folder: Path, found: list[Old]) -> int:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    deleted = 0
    try:
        for file in found:
            with suppress(FileNotFoundError):
                os.unlink(file.name, dir_fd=opened)
                deleted += 1
    finally:
        os.close(opened)
    return deleted
