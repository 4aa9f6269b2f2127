"""``pqkit monitor``: the whole system on one terminal screen, refreshed every second."""

import time
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli import queues, workers
from pqkit.cli.inputs import BadInput
from pqkit.db import Database, Obstacle
from pqkit.domain.states import JobState
from pqkit.log import escape
from pqkit.queue import get_queue
from pqkit.settings import settings
from pqkit.supervise import NoSupervisor, Process, Supervisor

EVERY = 1.0


def monitor(once: Annotated[bool, typer.Option("--once", help="Print one picture and end.")] = False) -> None:
    """Show queues, workers, processes and rates, updated every second until Ctrl+C."""
    database = get_queue(create=False).database
    console = out.console()
    if once:
        console.print(frame(database))
    elif console.is_terminal:
        _watch(database)
    else:
        raise BadInput("monitor needs a terminal; --once prints one picture anywhere")


def _watch(database: Database) -> None:
    from rich.live import Live  # noqa: PLC0415 - needed here only

    with suppress(KeyboardInterrupt), Live(console=out.console(), screen=True, auto_refresh=False) as live:
        while True:
            live.update(frame(database), refresh=True)
            time.sleep(EVERY)


def frame(database: Database) -> Group:
    """One frame: a verdict, numbers, queues, workers, and the processes of `pqkit up`."""
    now, living, found = database.now(), queries.workers(database), queries.queues(database)
    parts = [
        verdict(living, found, now, queries.obstacle(database)),
        _numbers(database),
        Text(),
        queues.table(found, now),
        Text(),
        workers.table(living, now),
    ]
    processes = _processes()
    if processes:
        parts += [Text(), _process_table(processes)]
    return Group(*parts)


def verdict(
    living: list[queries.WorkerView], found: list[queries.QueueView], now: int, obstacle: Obstacle | None
) -> Text:
    """The most serious problem in these numbers, in one line."""
    if obstacle and obstacle.fatal:
        return Text(escape(obstacle.words), "bold red")
    silent = [w.name for w in living if w.heartbeat_age is None or w.heartbeat_age > settings().rescue_after]
    paused = [q.name for q in found if q.pending and queues.is_paused(q, now)]
    if silent:
        return Text(escape(f"no heartbeat from {out.names(silent)}"), "bold red")
    if not living and any(q.pending for q in found):
        return Text("jobs wait and no worker lives: pqkit worker, or pqkit up", "bold red")
    if obstacle:
        return Text(escape(obstacle.words), "yellow")
    if paused:
        return Text(escape(f"jobs wait in paused queues: {out.names(paused)}"), "yellow")
    slots, busy = sum(w.slots for w in living), sum(w.running for w in living)
    return Text(f"{out.many(len(living), 'worker')}, {busy} of {slots} slots busy", "bold green" if living else "")


def _numbers(database: Database) -> Text:
    counts, rates, times = queries.counts(database), queries.rates(database), queries.times(database)
    line = Text()
    for state in JobState:
        line.append(f"{counts[state]} {state}   ", out.STYLES[state] if counts[state] else "dim")
    line.append(f"\n{rates.finished:.0f} jobs a minute end well, {rates.failed:.0f} badly")
    if times.runs:
        line.append(f"; half wait {out.brief(times.wait_p50)} and run {out.brief(times.run_p50)}, ")
        line.append(f"95 % at most {out.brief(times.wait_p95)} and {out.brief(times.run_p95)}")
    return line


def _processes() -> list[Process]:
    try:
        return [process for process in Supervisor.connect().processes() if process.state != "stopped"]
    except NoSupervisor:
        return []


def _process_table(processes: list[Process]) -> Table:
    rows = ((p.name, p.state, p.pid, out.span(p.uptime) if p.pid else "") for p in processes)
    return out.table(("process", "state", ">pid", ">up"), rows)
