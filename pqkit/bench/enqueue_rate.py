"""How fast jobs are enqueued."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from pqkit.bench.baseline import rate
from pqkit.bench.figures import Sample
from pqkit.bench.scale import Ground, Rounds
from pqkit.lab.harness.noop_tasks import noop
from pqkit.queue import Queue


def enqueue(ground: Ground) -> Rounds:
    """Measure single enqueues, each on disk when it returns, and one call for many jobs."""
    scale = ground.scale
    with ground.queue() as queue:
        for turn in count():
            yield [
                ground.sample(turn, "enqueue one", "raw insert one", lambda: _one(queue, scale.seconds / 2)),
                ground.sample(turn, "enqueue many", "raw bulk insert", lambda: _many(queue, scale.bulk)),
            ]


def threads(ground: Ground) -> Rounds:
    """Measure many threads of one process that enqueue one by one, beside a single thread."""
    seconds, many = ground.scale.seconds / 2, ground.scale.threads
    with ground.queue() as queue, ThreadPoolExecutor(many) as pool:
        while True:
            alone = _one(queue, seconds)
            together = sum(pool.map(lambda _: _one(queue, seconds), range(many)))
            yield [
                Sample(f"enqueue one, {many} threads", ground.durability, "jobs/s", together, "enqueue one", alone),
            ]


def _one(queue: Queue, seconds: float) -> float:
    return rate(lambda: queue.enqueue(noop, {"n": 123}), seconds)


def _many(queue: Queue, jobs: int) -> float:
    begun = time.perf_counter()
    queue.enqueue_many(noop, ({"n": n} for n in range(jobs)))
    return jobs / (time.perf_counter() - begun)
