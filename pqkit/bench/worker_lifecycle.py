"""A worker as its user starts it: time to the first job, and memory over a long life."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from pqkit.bench.figures import Sample
from pqkit.bench.scale import Ground, Rounds
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness.fleet import START_SECONDS, variables
from pqkit.lab.harness.noop_tasks import Stamps, noop, ping
from pqkit.queries import at_rest
from pqkit.queue import Queue

WORKER = ("worker", "--tasks", "pqkit.lab.harness.noop_tasks")
LOOK_EVERY, LONG, GRACE = 0.02, 600.0, 20.0


def start(ground: Ground) -> Rounds:
    """Measure seconds from the start of a worker to its first job, and of importing pqkit."""
    with ground.scratch() as place, ground.queue(place) as queue:
        while True:
            found = {
                "worker start to first job": _first_job(ground, place, queue),
                "import pqkit": _run("import pqkit"),
            }
            bare = _run("pass")
            yield [Sample(name, ground.durability, "s", value, "bare Python", bare) for name, value in found.items()]


def _first_job(ground: Ground, place: Scratch, queue: Queue) -> float:
    stamps = Stamps(place.folder, 1)
    queue.enqueue(ping, {"path": stamps.path, "n": 0})
    begun = time.monotonic_ns()
    with _worker(ground, place, "pqkit", *WORKER):
        wait_until(lambda: stamps[0], START_SECONDS, "the worker's first job")
    return (stamps[0] - begun) / 1e9


def memory(ground: Ground) -> Rounds:
    """Measure a worker's resident megabytes over a long life.

    Also measure its last quarter beside its second one.
    """
    while True:
        with ground.scratch() as place, ground.queue(place) as queue:
            queue.enqueue_many(noop, ({"n": n} for n in range(ground.scale.life)))
            with _worker(ground, place, "pqkit.lab.harness.attached_command", str(os.getpid()), *WORKER) as worker:
                seen = list(_megabytes(worker.pid, queue))
        quarter = len(seen) // 4
        early, late = max(seen[quarter : 2 * quarter + 1]), max(seen[-quarter - 1 :])
        yield [
            Sample("worker memory", ground.durability, "MB", max(seen)),
            Sample("worker memory, last quarter", ground.durability, "MB", late, "second quarter", early),
        ]


@contextmanager
def _worker(ground: Ground, place: Scratch, *module: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a worker process of its own.

    A worker forked by the nursery would start sooner and share memory with it.
    """
    own = variables({"url": place.url, "durability": ground.durability})
    with (place.folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", *module], env={**os.environ, **own}, stdout=log, stderr=log, process_group=0
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _megabytes(pid: int, queue: Queue) -> Iterator[float]:
    """Yield the megabytes that the process holds, until all jobs are done."""
    process, end = psutil.Process(pid), time.monotonic() + LONG
    while not at_rest(queue.database):
        if time.monotonic() > end:
            raise TimeoutError("the worker came to no end of its jobs")
        yield process.memory_info().rss / 1e6
        time.sleep(LOOK_EVERY)
    yield process.memory_info().rss / 1e6


def _run(code: str) -> float:
    """Seconds that a Python process takes to run this code."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-P", "-c", code], check=True, process_group=0)
    return time.perf_counter() - begun
