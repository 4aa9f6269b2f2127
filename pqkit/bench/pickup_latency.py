"""An idle worker: how soon it runs a new job, and the cost of waiting."""

import random
import time
from collections.abc import Callable, Sequence
from functools import partial

import psutil

from pqkit.bench.baseline import yardstick
from pqkit.bench.bench_workers import crew
from pqkit.bench.figures import Sample
from pqkit.bench.scale import Ground, Rounds
from pqkit.domain.durations import SECOND
from pqkit.lab.harness.fleet import Fleet, variables
from pqkit.lab.harness.noop_tasks import Stamps, ping
from pqkit.queue import Queue

CALM = 0.5
LOST_AFTER = 30_000_000_000


def latency(ground: Ground) -> Rounds:
    """Measure milliseconds from the call of ``enqueue`` to the handler's first line.

    The yardstick is a raw hand-over: one process commits an insert, another that waits for it commits its claim.
    """
    scale = ground.scale
    with crew(ground) as workers, workers.working(1) as (worker,), workers.opened():
        folder = workers.fleet.place.folder
        while True:
            time.sleep(CALM)
            idle = _processor_share(worker.pid, scale.idle)
            stamps = Stamps(folder, scale.pings)
            pings = _waits(stamps, scale.pings, partial(_enqueue, workers.queue, stamps.path))
            bare = _hand_overs(ground, workers.fleet, scale.pings)
            yield [
                Sample("idle worker, processor", ground.durability, "%", idle),
                *(
                    Sample(
                        f"pick-up, {name}",
                        ground.durability,
                        "ms",
                        _rank(pings, part),
                        "raw hand-over",
                        _rank(bare, part),
                    )
                    for name, part in (("p50", 0.5), ("p99", 0.99))
                ),
            ]


def _enqueue(queue: Queue, path: str, n: int) -> None:
    queue.enqueue(ping, {"path": path, "n": n})


def _hand_overs(ground: Ground, fleet: Fleet, many: int) -> list[float]:
    stamps = Stamps(fleet.place.folder, many)
    with ground.scratch() as place, yardstick(place.url, ground.durability) as raw:
        told = variables({"url": place.url, "durability": ground.durability})
        receiver = fleet.start("receiver", "pqkit.bench.pickup_receiver", stamps.path, str(many), environment=told)
        try:
            return _waits(stamps, many, lambda _: raw.send())
        finally:
            receiver.kill()
            fleet.bury()


def _waits(stamps: Stamps, many: int, send: Callable[[int], None]) -> list[float]:
    """Milliseconds from each send to its stamp; before each, the receiver idles for a moment."""
    found = []
    for n in range(many):
        time.sleep(random.uniform(0.02, 0.07))  # noqa: S311 - not a secret
        begun = time.monotonic_ns()
        send(n)
        while not stamps[n]:
            if time.monotonic_ns() - begun > LOST_AFTER:
                raise TimeoutError("what waited for a job did not take it")
            time.sleep(0.001)
        found.append((stamps[n] - begun) / SECOND)
    return found


def _rank(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


def _processor_share(pid: int, seconds: float) -> float:
    """Percent of one processor that the process uses."""
    process = psutil.Process(pid)
    before, begun = sum(process.cpu_times()[:2]), time.perf_counter()
    time.sleep(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - begun)
