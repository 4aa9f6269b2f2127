"""An idle worker: how soon it runs a job that comes, and what its waiting costs."""

import random
import time
from collections.abc import Sequence

import psutil

from pqkit.bench.crew import crew
from pqkit.bench.figures import Sample
from pqkit.bench.ground import Ground, Rounds
from pqkit.lab.measured import Stamps, ping
from pqkit.queue import Queue

CALM = 0.5
LOST_AFTER = 30_000_000_000


def latency(ground: Ground) -> Rounds:
    """Milliseconds from the call of ``enqueue`` to the handler's first line, beside the length of the call itself."""
    scale = ground.scale
    with crew(ground) as workers, workers.working(1) as (worker,), workers.opened():
        while True:
            time.sleep(CALM)
            idle = _processor_share(worker.pid, scale.idle)
            stamps = Stamps(workers.fleet.place.folder, scale.pings)
            pings = [_ping(workers.queue, stamps, n) for n in range(scale.pings)]
            yield [
                Sample("idle worker, processor", ground.durability, "%", idle),
                *(_pick_up(ground, name, part, pings) for name, part in (("p50", 0.5), ("p99", 0.99))),
            ]


def _pick_up(ground: Ground, name: str, part: float, pings: Sequence[tuple[float, float]]) -> Sample:
    call, wait = (_rank(values, part) for values in zip(*pings, strict=True))
    return Sample(f"pick-up, {name}", ground.durability, "ms", wait, f"the call itself, {name}", call)


def _ping(queue: Queue, stamps: Stamps, n: int) -> tuple[float, float]:
    """(length of the call, time until the handler ran) in milliseconds."""
    time.sleep(random.uniform(0.02, 0.07))  # noqa: S311 - not a secret
    begun = time.monotonic_ns()
    queue.enqueue(ping, {"path": stamps.path, "n": n})
    returned = time.monotonic_ns()
    while not stamps[n]:
        if time.monotonic_ns() - returned > LOST_AFTER:
            raise TimeoutError("the idle worker did not run its job")
        time.sleep(0.001)
    return (returned - begun) / 1e6, (stamps[n] - begun) / 1e6


def _rank(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(int(part * len(values)), len(values) - 1)]


def _processor_share(pid: int, seconds: float) -> float:
    """Per cent of one processor that the process uses."""
    process = psutil.Process(pid)
    before, begun = sum(process.cpu_times()[:2]), time.perf_counter()
    time.sleep(seconds)
    return 100 * (sum(process.cpu_times()[:2]) - before) / (time.perf_counter() - begun)
