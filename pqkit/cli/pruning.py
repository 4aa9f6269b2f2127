"""``pqkit db prune`` and ``pqkit db archive``: maintenance's pruning, at once and by choice."""

import getpass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pqkit import queries
from pqkit.cli import inputs
from pqkit.cli import output as out
from pqkit.cli.inputs import BadInput, Yes, with_unit
from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.states import FINAL, JobState
from pqkit.maintenance.pruner import Keeps, Pruner, Which
from pqkit.queue import get_queue
from pqkit.settings import settings

States = Annotated[
    list[JobState] | None,
    typer.Option(
        "--state", metavar="STATE", help=f"Only in this state ({', '.join(FINAL)}); repeatable.", show_default=False
    ),
]
Queue = Annotated[str | None, typer.Option(help="Only jobs of this queue.", show_default=False)]
Age = Annotated[
    float | None,
    typer.Option(
        parser=with_unit,
        metavar="AGE",
        help="Ended at least this long ago: 2h, 7d. Default: as the settings keep_completed and keep_dead say.",
        show_default=False,
    ),
]


def prune(*, state: States = None, queue: Queue = None, older_than: Age = None, yes: Yes = False) -> None:
    """Delete jobs that ended long ago, with their history, under a seal: `pqkit audit` still
    accounts for them.
    """
    _prune(settings().archive, state, queue, older_than, yes=yes)


def archive(
    folder: Annotated[
        Path,
        typer.Argument(
            parser=inputs.folder,
            metavar="FOLDER",
            help="Folder for the archive; it gets a file of gzipped JSON lines for each day.",
        ),
    ],
    *,
    state: States = None,
    queue: Queue = None,
    older_than: Age = None,
    yes: Yes = False,
) -> None:
    """Write jobs that ended long ago to an archive, then prune them; `pqkit audit --archive`
    reads it.
    """
    _prune(folder, state, queue, older_than, yes=yes)


def _prune(
    folder: Path | None, states: list[JobState] | None, queue: str | None, older_than: float | None, *, yes: bool
) -> None:
    database = get_queue(create=False).database
    pruner = Pruner(database, getpass.getuser(), folder)
    chosen = _chosen(pruner, database.now(), states, queue, older_than)
    counts = [queries.ended(database, which.state, which.before, which.queues, but=which.but) for which in chosen]
    if not sum(counts):
        out.say("nothing to prune")
        return
    words = f"prune {out.many(sum(counts))}" + (f" into the archive {folder}" if folder else ", without an archive")
    out.ask(f"{words}?", yes=yes, preview=partial(_preview, database=database, chosen=chosen, counts=counts))
    jobs, kept = 0, list[int]()
    for which in chosen:
        for batch in pruner.prune(which):
            jobs, kept = jobs + batch.jobs, kept + batch.kept
    out.say(f"pruned {out.many(jobs)}" + (f", archived in {folder}" if folder else ""))
    if kept:
        out.say(f"{out.many(len(kept))} stay, whose record breaks a promise: ask `pqkit audit`", "red")
        raise typer.Exit(1)


def _chosen(
    pruner: Pruner, now: int, states: list[JobState] | None, queue: str | None, older_than: float | None
) -> list[Which]:
    for state in states or ():
        if not state.final:
            raise BadInput(f"jobs that are {state} have not ended: only {', '.join(FINAL)} are pruned")
    queries.Filter(queue=queue)  # raises BadFilter if the name is blank
    if older_than is None:
        found = pruner.expired(Keeps(settings().keep_completed, settings().keep_dead), now)
    else:
        found = [Which(state, now - round(older_than * SECOND)) for state in FINAL]
    found = [which for which in found if not states or which.state in states]
    return (
        found if queue is None else [which._replace(queues=[queue], but=False) for which in found if _has(which, queue)]
    )


def _has(which: Which, queue: str) -> bool:
    """True if the selection includes that queue."""
    return (queue in which.queues) is not which.but


def _preview(to: Console, database: Database, chosen: list[Which], counts: list[int]) -> None:
    now = database.now()
    found = [(which, count) for which, count in zip(chosen, counts, strict=True) if count]
    rows = [(which.state, _queues(which), count, out.ago(which.before, now)) for which, count in found]
    to.print(out.table(("state", "queue", ">jobs", "ended before"), rows))


def _queues(which: Which) -> str:
    return "all others" if which.but and which.queues else "all" if which.but else ", ".join(which.queues)
