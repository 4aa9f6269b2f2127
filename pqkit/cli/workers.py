"""``pqkit workers``: list workers, and start and stop the processes of `pqkit up`."""

from typing import Annotated, Any

import typer
from rich.text import Text

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, Reason
from pqkit.errors import DatabaseUnavailable
from pqkit.log import escape
from pqkit.queries import WorkerView
from pqkit.queue import get_queue
from pqkit.settings import settings
from pqkit.supervise import UP, Supervisor

app = typer.Typer(no_args_is_help=True, help="List workers; scale, stop and restart those of `pqkit up`.")
Name = Annotated[str, typer.Argument(help="The process's name, such as worker_03.")]


@app.command("list")
def list_workers(
    everyone: Annotated[bool, typer.Option("--all", help="Also show workers that ended recently.")] = False,
    json: AsJson = False,
) -> None:
    """List workers of all hosts."""
    database = get_queue(create=False).database
    found = queries.workers(database, living=not everyone)
    if json:
        out.show_json([out.plain(worker) for worker in found])
    else:
        out.show(table(found, database.now()))


def table(found: list[WorkerView], now: int) -> Any:
    columns = ("worker", "state", "host", ">pid", ">busy", "queues", ">tasks", "started", ">beat", ">memory")
    return out.table(columns, (_row(worker, now) for worker in found))


def _row(worker: WorkerView, now: int) -> tuple[object, ...]:
    busy = f"{worker.running}/{worker.slots}"
    queues = ",".join(worker.queues) or "all"
    who = (worker.name, state(worker), worker.host, worker.pid, busy, queues, len(worker.tasks))
    beat = "" if worker.ended_at else out.span(worker.heartbeat_age)
    return (*who, out.ago(worker.started_at, now), beat, out.size(worker.memory))


def state(worker: WorkerView) -> Any:
    """A worker's state in one word: running, stopping, silent (no heartbeat), ended."""
    if worker.ended_at is not None:
        return Text(f"ended: {escape(worker.end_reason or '')}", "dim")
    if worker.heartbeat_age is None or worker.heartbeat_age > settings().rescue_after:
        return Text("silent", "bold red")
    return Text("stopping", "yellow") if worker.stopping else Text("running", "green")


@app.command()
def scale(
    count: Annotated[int, typer.Argument(min=0, help="How many workers shall run.")], reason: Reason = None
) -> None:
    """Start or stop worker processes until COUNT of them run; stopped ones drain first."""
    supervisor = Supervisor.connect()
    _note("scale_workers", reason, count=count)
    started, stopped = supervisor.scale(count)
    for what, names in (("started", started), ("stopping", stopped)):
        if names:
            out.say(f"{what} {out.names(names)}")
    running = sum(process.state in UP for process in supervisor.pool())
    out.say(f"{out.many(running, 'worker')} running" + ("" if started or stopped else ", nothing to do"))


@app.command()
def stop(name: Name, reason: Reason = None) -> None:
    """Stop one process of `pqkit up`; a worker drains first and gives its jobs back uncharged."""
    supervisor = Supervisor.connect()
    _note("stop_process", reason, process=name)
    supervisor.stop(name)
    out.say(f"stopping {name}")


@app.command()
def restart(name: Name, reason: Reason = None) -> None:
    """Restart one process of `pqkit up` after it has drained."""
    supervisor = Supervisor.connect()
    _note("restart_process", reason, process=name)
    supervisor.restart(name)
    out.say(f"restarted {name}")


def _note(verb: str, reason: str | None, **detail: Any) -> None:
    """Record the action; if the database is unreachable, warn and go on.

    Stopping a worker may be what brings the database back.
    """
    try:
        get_queue(create=False).operator().note(verb, reason, **detail)
    except DatabaseUnavailable as error:
        typer.echo(f"this does not go on record: {error}", err=True)
