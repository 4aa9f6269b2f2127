"""``pqkit redrives``: bulk resubmits that start small, stop by themselves and can be undone."""

from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.filter_options import make_filter
from pqkit.cli.inputs import All, AsJson, BadInput, Reason, Yes, with_options
from pqkit.domain.payload import INT_MAX
from pqkit.domain.redrive_plan import CANARY, MAX_JOBS, MOST_AT_ONCE, TOLERANCE
from pqkit.queries import Filter, RedriveView, Survey
from pqkit.queue import get_queue

app = typer.Typer(no_args_is_help=True, help="Start, watch, stop and undo careful bulk resubmits.")
Number = Annotated[int, typer.Argument(max=INT_MAX, metavar="REDRIVE", help="Its number.")]


@app.command()
@with_options(make_filter)
def start(
    wanted: Filter,
    *,
    everything: All = False,
    canary: Annotated[int, typer.Option(min=1, help="Jobs that go first.")] = CANARY,
    most: Annotated[int, typer.Option(min=1, help="Jobs in one step at most.")] = MOST_AT_ONCE,
    tolerance: Annotated[float, typer.Option(min=0, max=1, help="Share that may fail again.")] = TOLERANCE,
    reason: Reason = None,
    yes: Yes = False,
) -> None:
    """Resubmit all ended jobs that match: a few first, then more each time, until too many fail
    again.
    """
    if wanted == Filter() and not everything:
        raise BadInput("say which jobs by --state, --queue, --task, --text, --error or an age, or --all")
    queue = get_queue(create=False)
    chosen = queries.select_jobs(queue.database, wanted, MAX_JOBS + 1, everything=everything)
    found = queries.survey(queue.database, chosen)
    if not found.frozen:
        out.say("no job fits")
        typer.echo(f"pqkit: {queries.why_none(queue.database, wanted)}", err=True)
        return
    out.ask(f"redrive {out.many(len(found.frozen))}?", yes=yes, preview=partial(_preview, found=found))
    number = queue.redrives().start(
        found.frozen, reason=reason, canary=canary, most=most, tolerance=tolerance, wanted=_words(wanted) or "all"
    )
    out.say(f"redrive {number} has begun: pqkit redrives show {number}")


def _words(wanted: Filter) -> str:
    said = {name: value for name, value in vars(wanted).items() if value}
    return ", ".join(f"{name} {' '.join(value) if isinstance(value, tuple) else value}" for name, value in said.items())


def _preview(to: Console, found: Survey) -> None:
    to.print(f"{out.many(len(found.frozen))}: {out.in_words(found.states.items())}")
    to.print(out.table((">jobs", "~error", ">such as"), ((one.jobs, one.pattern, one.example) for one in found.errors)))


@app.command("list")
def list_redrives(json: AsJson = False) -> None:
    """List recent redrives, running ones first."""
    _show(queries.redrives(get_queue(create=False).database), json=json)


@app.command()
def show(redrive: Number, json: AsJson = False) -> None:
    """Show the progress of one redrive."""
    _show([queries.redrive(get_queue(create=False).database, redrive)], json=json)


def _show(found: list[RedriveView], *, json: bool) -> None:
    if json:
        out.show_json([out.plain(one) for one in found])
        return
    fates = (">waiting", ">open", ">well", ">again", ">refused", ">undone")
    columns = (">redrive", "state", ">jobs", *fates, "by", "~note")
    out.show(out.table(columns, map(_row, found)))


def _row(one: RedriveView) -> tuple[Any, ...]:
    return (one.id, str(one.state), one.jobs, *one.tally, one.who, one.note or one.reason)


@app.command()
def stop(redrive: Number, reason: Reason = None) -> None:
    """Stop a running redrive; jobs that it has already resubmitted go on."""
    get_queue(create=False).redrives().stop(redrive, reason=reason)
    out.say(f"redrive {redrive} is stopped")


@app.command()
def undo(redrive: Number, reason: Reason = None) -> None:
    """Undo a redrive for jobs that no worker has claimed yet: they return to their earlier end
    states.
    """
    undone = get_queue(create=False).redrives().undo(redrive, reason=reason)
    out.say(f"{out.many(undone.put_back)} put back; {undone.taken} had been claimed already")
