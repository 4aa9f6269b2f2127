"""``pqkit queues``: show waiting jobs; pause and resume claims; change settings."""

from collections.abc import Callable
from typing import Annotated, Any, cast

import typer

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput, Reason, Yes, seconds, with_unit
from pqkit.cli.inputs import until as moment_until
from pqkit.domain.queue_limits import QueueOptions
from pqkit.errors import NotFound
from pqkit.queries import QueueView
from pqkit.queue import Queue, get_queue

NONE = "none"
UNITS = {
    "concurrency": "jobs at once",
    "key_concurrency": "jobs of one limit key at once",
    "rate": "jobs",
    "rate_per": "seconds",
    "rate_burst": "jobs at once",
    "ageing": "seconds for each step of priority",
    "max_retries": "retries",
    "backoff": "seconds before each retry",
    "keep_completed": "days",
    "keep_dead": "days",
}
app = typer.Typer(no_args_is_help=True, help="List, show, create, set, pause, resume and delete queues.")
Name = Annotated[str, typer.Argument(help="The queue's name.")]


@app.command("list")
def list_queues(json: AsJson = False) -> None:
    """List queues with their unfinished jobs, the wait of the oldest pending job, and pauses."""
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
    """Create a queue before its first job is queued."""
    created = get_queue().operator().create_queue(name)
    out.say(f"queue {name} created" if created else f"queue {name} is there already")


@app.command()
def delete(name: Name, reason: Reason = None, yes: Yes = False) -> None:
    """Delete a queue that has no waiting or running jobs; ended jobs keep its name."""
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
    """Stop workers from claiming jobs of a queue; running jobs go on, new ones may be queued."""
    queue = get_queue(create=False)
    _check_known(queue, name)
    queue.operator().pause(name, reason=reason, until=until)
    out.say(f"queue {name} paused" + (f" until {out.moment(until)}" if until else ""))


@app.command()
def resume(name: Name, reason: Reason = None) -> None:
    """Let workers claim jobs from a paused queue again."""
    queue = get_queue(create=False)
    _check_known(queue, name)
    queue.operator().resume(name, reason=reason)
    out.say(f"queue {name} resumed")


def _number(text: str) -> int | str:
    if text != NONE and not text.isdecimal():
        raise typer.BadParameter(f"{text!r} is not a whole number")
    return NONE if text == NONE else int(text)


def _span(text: str) -> float | str:
    return NONE if text == NONE else seconds(text)


def _days(text: str) -> float | str:
    return NONE if text == NONE else with_unit(text) / 86_400


def _delays(text: str) -> list[float] | str:
    return NONE if text == NONE else [seconds(part) for part in text.split(",")]


def _number_option(about: str) -> Any:
    return typer.Option(parser=_number, metavar="N|none", help=about, show_default=False)


def _span_option(parse: Callable[[str], Any], about: str, metavar: str = "TIME|none") -> Any:
    return typer.Option(parser=parse, metavar=metavar, help=about, show_default=False)


@app.command("set")
def set_queue(
    *,
    name: Name,
    concurrency: Annotated[Any, _number_option("Jobs that run at once, on all workers together.")] = None,
    key_concurrency: Annotated[Any, _number_option("Jobs with the same --limit-key that run at once.")] = None,
    rate: Annotated[Any, _number_option("Jobs that start in --rate-per.")] = None,
    rate_per: Annotated[Any, _span_option(_span, "Default: 1s.")] = None,
    rate_burst: Annotated[Any, _number_option("Of them at once after a rest; default: a second's worth.")] = None,
    ageing: Annotated[Any, _span_option(_span, "A waiting job gains one step of priority in this time.")] = None,
    max_retries: Annotated[Any, _number_option("Retries, where neither task nor enqueue says.")] = None,
    backoff: Annotated[
        Any, _span_option(_delays, "Time before each retry, such as 1,2,4 or 10s,5m; the last repeats.", "TIMES|none")
    ] = None,
    keep_completed: Annotated[Any, _span_option(_days, "How long completed jobs are kept, such as 7d.")] = None,
    keep_dead: Annotated[Any, _span_option(_days, "How long unprocessable and failed jobs are kept.")] = None,
    reason: Reason = None,
) -> None:
    """Change settings of a queue: limits, retries, retention; "none" removes a setting."""
    given = {
        "concurrency": concurrency,
        "key_concurrency": key_concurrency,
        "rate": rate,
        "rate_per": rate_per,
        "rate_burst": rate_burst,
        "ageing": ageing,
        "max_retries": max_retries,
        "backoff": backoff,
        "keep_completed": keep_completed,
        "keep_dead": keep_dead,
    }
    options = {option: None if value == NONE else value for option, value in given.items() if value is not None}
    if not options:
        raise BadInput("say what is to change, such as --concurrency 5; pqkit queues show NAME shows what holds")
    get_queue().operator().set_queue(name, reason=reason, **cast("QueueOptions", options))
    out.say(f"queue {name}: " + ", ".join(f"{option} {_said(value)}" for option, value in options.items()))


def _said(value: object) -> str:
    if isinstance(value, list):
        return " ".join(f"{part:g}" for part in value)
    return NONE if value is None else f"{value:g}"


@app.command("show")
def show_queue(name: Name, json: AsJson = False) -> None:
    """Show one queue: jobs, pause, settings."""
    queue = get_queue(create=False)
    _check_known(queue, name)
    view = next(view for view in queries.queues(queue.database) if view.name == name)
    if json:
        out.show_json(out.plain(view))
        return
    out.show(table([view], queue.database.now()))
    settings = view.settings._asdict()
    rows = ((option.replace("_", " "), settings[option], unit) for option, unit in UNITS.items())
    out.show(out.table(("setting", ">value", "~unit"), rows))
    limits = queries.limits(queue.database, name)
    if limits is not None:
        next_at = f", the next may start {out.ago(limits.next_at, queue.database.now())}" if limits.next_at else ""
        out.say(f"{out.many(len(limits.held))} at once now{next_at}")


def _check_known(queue: Queue, name: str) -> None:
    known = [view.name for view in queries.queues(queue.database)]
    if name not in known:
        raise NotFound(f"there is no queue {name!r} (there are: {out.names(known)})")
