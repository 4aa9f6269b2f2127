"""``pqkit watch``: job events as they happen."""

import json
import sys
from typing import Annotated

import typer

from pqkit import queries
from pqkit.cli import output as out
from pqkit.domain.states import JobState
from pqkit.operations import event_recording
from pqkit.queries import EventView
from pqkit.queries.event_stream import BEGINNING, cursor_of
from pqkit.queue import get_queue

MOST = 500
KINDS = (*JobState, "action")


def watch(
    *,
    since: Annotated[str | None, typer.Option(metavar="CURSOR", help="Continue after this event.")] = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the oldest event that is kept.")] = False,
    event: Annotated[list[str] | None, typer.Option(help=f"Only these ({', '.join(KINDS)}); repeatable.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only jobs of this queue.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Print what there is and end.")] = False,
    off: Annotated[bool, typer.Option("--off", help="Stop recording events, for all readers.")] = False,
) -> None:
    """Print a line of JSON for each change of a job's state and each action, as any program
    commits it.

    The first watch starts the recording, which makes every write slower; --off ends it. Events are kept for a week.
    """
    _check(event or [])
    the_queue = get_queue(create=False)
    database = the_queue.database
    if off:
        event_recording.record(the_queue.operator(), on=False)
        return
    begins = not event_recording.is_recording(database)
    if begins:
        event_recording.record(the_queue.operator(), on=True)
    at = cursor_of(since) if since else BEGINNING if from_start or once else queries.newest(database)
    if begins:
        typer.echo("events are recorded from now on; `pqkit watch --off` ends that", err=True)
    with the_queue.listen() as wait:
        while True:
            found = queries.stream(database, at, MOST)
            for view in found:
                if (not event or view.event in event) and queue in {None, view.queue}:
                    _print(view)
            sys.stdout.flush()
            at = found[-1].cursor if found else at
            if len(found) < MOST:
                if once:
                    return
                wait(0.5)


def _check(kinds: list[str]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}")


def _print(view: EventView) -> None:
    line = {**out.plain(view), "cursor": str(view.cursor)}
    typer.echo(json.dumps(line, ensure_ascii=True))
