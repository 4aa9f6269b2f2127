"""``pqkit queues``: what waits where, and stopping and starting claims."""

from typing import Annotated, Any

import typer

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, Reason, Yes
from pqkit.cli.inputs import until as moment_until
from pqkit.errors import NotFound
from pqkit.queries import QueueView
from pqkit.queue import Queue, get_queue

app = typer.Typer(no_args_is_help=True, help="List, create, pause, resume and delete queues.")
Name = Annotated[str, typer.Argument(help="The queue's name.")]


@app.command("list")
def list_queues(json: AsJson = False) -> None:
    """Show every queue: its unfinished jobs, how long the oldest pending one waits, whether it is paused."""
    database = get_queue(create=False).database
    found = queries.queues(database)
    if json:
        out.show_json([out.plain(queue) for queue in found])
    else:
        out.show(table(found, database.now()))


def table(found: list[QueueView], now: int) -> Any:
    columns = ("queue", ">pending", ">scheduled", ">retrying", ">processing", ">oldest waits", "~paused")
    return out.table(columns, ((*q[:5], out.span(q.oldest_pending_age), _pause(q, now)) for q in found))


def is_paused(queue: QueueView, now: int) -> bool:
    return queue.paused_at is not None and (queue.paused_until is None or queue.paused_until > now)


def _pause(queue: QueueView, now: int) -> str:
    if not is_paused(queue, now):
        return ""
    until = f", ends {out.ago(queue.paused_until, now)}" if queue.paused_until else ""
    reason = f": {queue.pause_reason}" if queue.pause_reason else ""
    return f"{out.ago(queue.paused_at, now)} by {queue.paused_by}{until}{reason}"


@app.command()
def create(name: Name) -> None:
    """Enter a queue before its first job comes."""
    created = get_queue().operator().create_queue(name)
    out.say(f"queue {name} created" if created else f"queue {name} is there already")


@app.command()
def delete(name: Name, reason: Reason = None, yes: Yes = False) -> None:
    """Forget a queue that has no waiting or running jobs; finished jobs keep its name."""
    queue = get_queue(create=False)
    _check_known(queue, name)
    view = next(view for view in queries.queues(queue.database) if view.name == name)
    out.ask(f"delete queue {name}?", yes=yes, preview=lambda to: to.print(table([view], queue.database.now())))
    queue.operator().delete_queue(name, reason=reason)
    out.say(f"queue {name} deleted")


@app.command()
def pause(
    name: Name,
    reason: Reason = None,
    until: Annotated[
        int | None, typer.Option(parser=moment_until, metavar="TIME", help="30m, 2h … from now, or 2030-01-31T08:00Z.")
    ] = None,
) -> None:
    """Let no worker take jobs from a queue; what runs, runs on, and jobs may still come in."""
    queue = get_queue(create=False)
    _check_known(queue, name)
    queue.operator().pause(name, reason=reason, until=until)
    out.say(f"queue {name} paused" + (f" until {out.moment(until)}" if until else ""))


@app.command()
def resume(name: Name, reason: Reason = None) -> None:
    """Let workers take jobs from a paused queue again."""
    queue = get_queue(create=False)
    _check_known(queue, name)
    queue.operator().resume(name, reason=reason)
    out.say(f"queue {name} resumed")


def _check_known(queue: Queue, name: str) -> None:
    known = [view.name for view in queries.queues(queue.database)]
    if name not in known:
        raise NotFound(f"there is no queue {name!r} (there are: {out.names(known)})")
