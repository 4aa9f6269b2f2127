"""The cost of open consoles: many sessions of a real ops console beside real workers.

The workers run jobs from a large queue.
"""

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

import psutil

from pqkit import lab, queries
from pqkit.auth import Users
from pqkit.errors import PqkitError
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness import console_sessions, workloads
from pqkit.lab.harness.console_sessions import Site, Visitors
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queue import Queue, get_queue
from pqkit.security.permissions import Role

WORKERS, SLOTS, NAP = 2, 8, 0.02
BATCH = 5_000
SETTLE_SECONDS, PHASE_SECONDS, CALM_SECONDS = 10.0, 10.0, 2.0
FIRST_PAGES = 7
ORDERS = ("oldest first", "newest first") * 3
CORES, GROWTH, SHARE, FIRST_PAGE, REFRESH = 0.5, 1.0, 0.95, 0.3, 0.1
"""At most half a core, 1 MB a minute, 300 ms for a first page, 100 ms for a refresh.

At least 95 % of the workers' throughput must remain.
"""


class Plan(NamedTuple):
    """The number of ``sessions``, watched for ``seconds``, on a queue of ``jobs`` pending jobs.

    None of these jobs runs. The workers' throughput is measured in ``rounds``, each without and with the sessions.
    """

    sessions: int = 30
    seconds: float = 60.0
    jobs: int = 1_000_000
    rounds: int = 5


class Opened(NamedTuple):
    """Median times in seconds, as a browser on the same machine sees them.

    They are the time to the page, to its document, to the first numbers, and the time of a later refresh.
    """

    page: float
    document: float
    data: float
    refresh: float

    def words(self) -> str:
        page, _, data, refresh = (round(1000 * seconds) for seconds in self)
        return f"first page {page} ms (with data {data}), refresh {refresh} ms"


class Cost(NamedTuple):
    """Throughput of each round without and with sessions, and the console's own cost.

    Throughput is in jobs per second. The cost is processor seconds per second, memory in bytes before and after, and
    messages per session and second.
    """

    alone: list[float]
    watched: list[float]
    cores: float
    before: int
    after: int
    messages: float

    @property
    def share(self) -> float:
        return median(b / a if a else 0.0 for a, b in zip(self.alone, self.watched, strict=True))


def consoles(place: Scratch, plan: Plan | None = None, progress: Progress = silent) -> Result:
    """Open each console for the first time, then many sessions of the ops console.

    Raises PqkitError if Panel is missing.
    """
    wanted = plan or Plan()
    queue = get_queue(place.url)
    _stock(queue, wanted, progress)
    started = [lab.start_worker(place, workloads, slots=SLOTS, name=f"w{n}") for n in range(WORKERS)]
    try:
        wait_until(lambda: len(queries.workers(queue.database)) == WORKERS, what="the workers' start")
        time.sleep(SETTLE_SECONDS)
        progress(0.3, "first pages of the manager console")
        password = secrets.token_urlsafe(18)
        Users(queue.operator("lab")).add("lab", password, Role.ADMIN)
        with _server(place, "manager") as (_, port):
            manager = console_sessions.run(lambda: _open_manager(port, password))
        with _server(place, "ops") as (process, port):
            progress(0.4, "first pages of the ops console")
            ops = console_sessions.run(lambda: _open_ops(Site(port)))
            cost, refresh = _watch(queue, wanted, process, port, progress)
    finally:
        for worker in started:
            worker.stop()
    return _result(wanted, cost, ops._replace(refresh=refresh), manager)


def _stock(queue: Queue, plan: Plan, progress: Progress) -> None:
    queue.operator("lab").pause("stock", reason="they are only looked at")
    for done in range(0, plan.jobs, BATCH):
        queue.enqueue_many("lab.nap", [{"seconds": 0}] * min(BATCH, plan.jobs - done), queue="stock")
        progress(0.2 * done / plan.jobs, f"{done} jobs queued")
    most = plan.seconds + 2 * plan.rounds * (PHASE_SECONDS + CALM_SECONDS) + 10 * SETTLE_SECONDS
    needed = round(most * WORKERS * SLOTS / NAP)
    for done in range(0, needed, BATCH):
        queue.enqueue_many("lab.nap", [{"seconds": NAP}] * min(BATCH, needed - done), queue="work")


@contextmanager
def _server(place: Scratch, name: str) -> Iterator[tuple[psutil.Process, int]]:
    """Run a real `pqkit dashboards` console of that name on the queue."""
    port, told = _free_port(), place.folder / f"{name}.log"
    command = [sys.executable, "-P", "-m", "pqkit", "dashboards", name, "--port", str(port)]
    with told.open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, "PQKIT_URL": place.url}, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), what="the console's start")
        if process.poll() is not None:
            raise PqkitError(told.read_text(errors="replace").strip())
        time.sleep(SETTLE_SECONDS)
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        try:
            process.wait(lab.GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _open_ops(site: Site) -> Opened:
    sessions = []
    for _ in range(FIRST_PAGES):
        sessions.append(await console_sessions.to_ops(site))
        sessions[-1].connection.close()
    return Opened(*_medians([session.seconds for session in sessions]), refresh=0.0)


async def _open_manager(port: int, password: str) -> Opened:
    site, seconds, turns = await console_sessions.log_in(port, "lab", password), [], []
    for _ in range(FIRST_PAGES):
        session = await console_sessions.to_manager(site)
        seconds.append(session.seconds)
        await asyncio.sleep(CALM_SECONDS)
    for order in ORDERS:
        turns.append(await console_sessions.turn(session, order))
        await asyncio.sleep(CALM_SECONDS)
    return Opened(*_medians(seconds), refresh=median(turns))


def _medians(seconds: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    page, document, data = (median(each) for each in zip(*seconds, strict=True))
    return page, document, data


def _watch(queue: Queue, plan: Plan, process: psutil.Process, port: int, progress: Progress) -> tuple[Cost, float]:
    """The sessions' cost, and the median duration of a poll for all of them."""
    many = Visitors(Site(port), plan.sessions)
    time.sleep(SETTLE_SECONDS)
    alone, watched = [], []
    for turn in range(plan.rounds):
        progress(0.5 + 0.2 * turn / plan.rounds, f"{plan.sessions} sessions and none in turn")
        process.suspend()
        try:
            alone.append(_rate(queue))
        finally:
            process.resume()
        _wait_for_refresh(many)
        watched.append(_rate(queue))
    progress(0.7, f"{plan.sessions} sessions for {plan.seconds:g} s")
    messages, before, began = many.messages, _usage(process), time.monotonic()
    time.sleep(plan.seconds)
    took, after = time.monotonic() - began, _usage(process)
    rate = (many.messages - messages) / took / plan.sessions
    many.close()
    if not many.refreshes:
        raise PqkitError("no session was sent anything")
    return Cost(alone, watched, (after[0] - before[0]) / took, before[1], after[1], rate), median(many.refreshes)


def _wait_for_refresh(many: Visitors) -> None:
    """Wait until every session received a message.

    A console that was frozen during a poll pauses before the next one.
    """
    known = many.messages
    wait_until(lambda: many.messages >= known + many.many, console_sessions.PATIENCE, "a refresh of all sessions")
    time.sleep(CALM_SECONDS)


def _rate(queue: Queue) -> float:
    """The jobs per second that the workers finish in one phase."""
    began, done = time.monotonic(), _ended(queue)
    time.sleep(PHASE_SECONDS)
    took = time.monotonic() - began
    return (_ended(queue) - done) / took


def _ended(queue: Queue) -> int:
    return sum(count for state, count in queries.counts(queue.database).items() if state.final)


def _usage(process: psutil.Process) -> tuple[float, int]:
    times = process.cpu_times()
    return times.user + times.system, process.memory_info().rss


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _result(plan: Plan, cost: Cost, ops: Opened, manager: Opened) -> Result:
    growth = (cost.after - cost.before) / 1e6 / (plan.seconds / 60)
    numbers: dict[str, object] = {
        "sessions": plan.sessions,
        "jobs": plan.jobs,
        "cores": round(cost.cores, 3),
        "memory_mb": round(cost.after / 1e6, 1),
        "growth_mb_per_minute": round(growth, 3),
        "throughput_alone": [round(rate, 1) for rate in cost.alone],
        "throughput_watched": [round(rate, 1) for rate in cost.watched],
        "share": round(cost.share, 3),
        "messages_per_session_and_second": round(cost.messages, 2),
    }
    for name, opened in (("ops", ops), ("manager", manager)):
        numbers |= {f"{name}_{field}_s": round(seconds, 4) for field, seconds in opened._asdict().items()}
    judged = [
        (cost.cores <= CORES, "processor", f"{cost.cores:.2f} of a core, more than {CORES}"),
        (growth <= GROWTH, "memory", f"it grows by {growth:.2f} MB a minute, more than {GROWTH}"),
        (cost.share >= SHARE, "throughput", f"{cost.share:.1%} of that without a session, less than {SHARE:.0%}"),
    ]
    for name, opened in (("ops", ops), ("manager", manager)):
        judged += [
            (opened.page <= FIRST_PAGE, f"first page of {name}", f"{opened.page:.2f} s, more than {FIRST_PAGE}"),
            (opened.refresh <= REFRESH, f"refresh of {name}", f"{opened.refresh:.3f} s, more than {REFRESH}"),
        ]
    return Result(_figure(plan, cost, growth, ops, manager), numbers, _findings(judged))


def _findings(judged: list[tuple[bool, str, str]]) -> list[Finding]:
    return [Finding(rule, None, words) for good, rule, words in judged if not good]


def _figure(plan: Plan, cost: Cost, growth: float, ops: Opened, manager: Opened) -> str:
    return (
        f"consoles: {plan.sessions} sessions on {plan.jobs:,} jobs: {cost.cores:.2f} of a core, {growth:+.2f} MB a "
        f"minute, throughput {cost.share:.0%}; ops {ops.words()}; manager {manager.words()}"
    )
