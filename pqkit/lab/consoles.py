"""What do open consoles cost? Many sessions of a real ops console, beside real workers on a large queue."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple
from urllib.request import urlopen

import psutil

from pqkit import lab, queries
from pqkit.errors import PqkitError
from pqkit.lab import Scratch, wait_until, workloads
from pqkit.lab.result import Progress, Result, silent
from pqkit.lab.verdict import Finding
from pqkit.queue import Queue, get_queue

WORKERS, SLOTS, NAP = 2, 8, 0.02
BATCH = 5_000
SETTLE_SECONDS = 15.0
FIRST_PAGES = 5
CORES, GROWTH, SHARE, FIRST_PAGE, REFRESH = 0.5, 1.0, 0.95, 0.3, 0.1
"""At most half a core, one MB a minute, 300 ms for a first page and 100 ms for a refresh; at least 95 % of the work."""
EVENT = {"type": "event", "name": "document_ready", "values": {"type": "map"}}
READY = json.dumps({"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": EVENT}]})
"""What a browser says when it has drawn the page."""
TOOK = re.compile(r"data-took=\\?['\"]([\d.]+)")


class Plan(NamedTuple):
    """So many ``sessions``, watched for ``seconds``, on a queue with ``jobs`` pending jobs of which none is run."""

    sessions: int = 30
    seconds: float = 60.0
    jobs: int = 1_000_000


class Measured(NamedTuple):
    """What a span came to: jobs a second, and the console's processor time per second and bytes at begin and end."""

    rate: float
    cores: float = 0.0
    before: int = 0
    after: int = 0


def consoles(place: Scratch, plan: Plan | None = None, progress: Progress = silent) -> Result:
    """Measure the workers without a console, then with it and its sessions. PqkitError where Panel is missing."""
    wanted = plan or Plan()
    queue = get_queue(place.url)
    _stock(queue, wanted, progress)
    started = [lab.start_worker(place, workloads, slots=SLOTS, name=f"w{n}") for n in range(WORKERS)]
    try:
        wait_until(lambda: len(queries.workers(queue.database)) == WORKERS, what="the workers' start")
        time.sleep(SETTLE_SECONDS)
        progress(0.3, "workers alone")
        alone = _measure(queue, wanted.seconds, None)
        with _server(place) as (process, port):
            pages = sorted(_get(port)[1] for _ in range(FIRST_PAGES))
            visitors = Visitors(port, wanted.sessions)
            time.sleep(SETTLE_SECONDS)
            progress(0.6, f"{wanted.sessions} sessions")
            watched = _measure(queue, wanted.seconds, process)
            visitors.close()
    finally:
        for worker in started:
            worker.stop()
    return _result(wanted, alone, watched, pages, visitors)


def _stock(queue: Queue, plan: Plan, progress: Progress) -> None:
    queue.operator("lab").pause("stock", reason="they are only looked at")
    for done in range(0, plan.jobs, BATCH):
        queue.enqueue_many("lab.nap", [{"seconds": 0}] * min(BATCH, plan.jobs - done), queue="stock")
        progress(0.2 * done / plan.jobs, f"{done} jobs queued")
    needed = round(2.5 * (plan.seconds + 2 * SETTLE_SECONDS) * WORKERS * SLOTS / NAP)
    for done in range(0, needed, BATCH):
        queue.enqueue_many("lab.nap", [{"seconds": NAP}] * min(BATCH, needed - done), queue="work")


@contextmanager
def _server(place: Scratch) -> Iterator[tuple[psutil.Process, int]]:
    """A real `pqkit dashboards ops` on that queue."""
    port = _free_port()
    command = [sys.executable, "-m", "pqkit", "dashboards", "ops", "--port", str(port)]
    with (place.folder / "consoles.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, "PQKIT_URL": place.url}, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), what="the console's start")
        if process.poll() is not None:
            raise PqkitError((place.folder / "consoles.log").read_text(errors="replace").strip())
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        try:
            process.wait(lab.GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _measure(queue: Queue, seconds: float, process: psutil.Process | None) -> Measured:
    began, done = time.monotonic(), _ended(queue)
    cpu, memory = _usage(process)
    time.sleep(seconds)
    took = time.monotonic() - began
    cpu_after, memory_after = _usage(process)
    return Measured((_ended(queue) - done) / took, (cpu_after - cpu) / took, memory, memory_after)


def _usage(process: psutil.Process | None) -> tuple[float, int]:
    if process is None:
        return 0.0, 0
    times = process.cpu_times()
    return times.user + times.system, process.memory_info().rss


def _ended(queue: Queue) -> int:
    return sum(count for state, count in queries.counts(queue.database).items() if state.final)


class Visitors:
    """Sessions as browsers open them, without the drawing: each gets its page, pulls the document, and reads on."""

    def __init__(self, port: int, many: int) -> None:
        self.messages = 0
        self.refreshes: list[float] = []
        self._port, self._many = port, many
        self._open, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        wait_until(self._open.is_set, 10 * many, "the sessions' opening")

    def close(self) -> None:
        self._done.set()
        self._thread.join(30)

    def _run(self) -> None:
        asyncio.run(self._visit())

    async def _visit(self) -> None:
        connections = [await self._one() for _ in range(self._many)]
        readers = [asyncio.create_task(self._read(connection)) for connection in connections]
        self._open.set()
        while not self._done.is_set():
            await asyncio.sleep(0.2)
        for connection in connections:
            connection.close()
        await asyncio.gather(*readers)

    async def _one(self) -> Any:
        from tornado.websocket import websocket_connect  # noqa: PLC0415 - comes with Panel

        page, _ = await asyncio.to_thread(_get, self._port)
        found = re.search(r'"token":"([^"]+)"', page)
        if found is None:
            raise PqkitError("the console's page has no session")
        connection = await websocket_connect(f"ws://127.0.0.1:{self._port}/ws", subprotocols=["bokeh", found[1]])
        await connection.read_message()
        for name, content in (("PULL-DOC-REQ", "{}"), ("PATCH-DOC", READY)):
            for part in (f'{{"msgid":"1","msgtype":"{name}"}}', "{}", content):
                await connection.write_message(part)
        return connection

    async def _read(self, connection: Any) -> None:
        while (message := await connection.read_message()) is not None:
            if isinstance(message, str) and "patch" in message:
                self.messages += 1
                self.refreshes += [float(took) for took in TOOK.findall(message)]


def _get(port: int) -> tuple[str, float]:
    """The page and the seconds until it was there: its session is made meanwhile."""
    began = time.monotonic()
    with urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        return answer.read().decode(), time.monotonic() - began


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _result(plan: Plan, alone: Measured, watched: Measured, pages: list[float], visitors: Visitors) -> Result:
    share = watched.rate / alone.rate if alone.rate else 0.0
    growth = (watched.after - watched.before) / 1e6 / (plan.seconds / 60)
    refresh = median(visitors.refreshes) if visitors.refreshes else float("inf")
    rate = visitors.messages / plan.seconds / max(1, plan.sessions)
    numbers: dict[str, object] = {
        "sessions": plan.sessions,
        "jobs": plan.jobs,
        "cores": round(watched.cores, 3),
        "memory_mb": round(watched.after / 1e6, 1),
        "growth_mb_per_minute": round(growth, 3),
        "throughput_alone": round(alone.rate, 1),
        "throughput_watched": round(watched.rate, 1),
        "share": round(share, 3),
        "first_page_s": round(median(pages), 3),
        "refresh_s": round(refresh, 4),
        "messages_per_session_and_second": round(rate, 2),
    }
    judged = [
        (watched.cores <= CORES, "processor", f"{watched.cores:.2f} of a core, more than {CORES}"),
        (growth <= GROWTH, "memory", f"it grows by {growth:.2f} MB a minute, more than {GROWTH}"),
        (share >= SHARE, "throughput", f"{share:.1%} of that without a console, less than {SHARE:.0%}"),
        (median(pages) <= FIRST_PAGE, "first page", f"{median(pages):.2f} s, more than {FIRST_PAGE}"),
        (refresh <= REFRESH, "refresh", f"{refresh:.3f} s, more than {REFRESH}"),
    ]
    figure = (
        f"consoles: {plan.sessions} sessions on {plan.jobs:,} jobs: {watched.cores:.2f} of a core, {growth:+.2f} MB a "
        f"minute, throughput {share:.0%}, first page {1000 * median(pages):.0f} ms, refresh {1000 * refresh:.0f} ms"
    )
    return Result(figure, numbers, [Finding(rule, None, words) for good, rule, words in judged if not good])
