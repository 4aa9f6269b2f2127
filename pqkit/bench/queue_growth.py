"""The drain rate as a queue grows, and as its jobs grow."""

import math
from contextlib import ExitStack

from pqkit.bench.bench_workers import Crew, crew
from pqkit.bench.figures import Sample
from pqkit.bench.scale import Ground, Rounds


def payload(ground: Ground) -> Rounds:
    """Measure arguments of 20 B, 2 kB and 64 kB, each on a queue of its own."""
    scale = ground.scale
    sizes = {"2 kB": (2_000, scale.jobs), "64 kB": (64_000, max(scale.jobs // 20, 1))}
    with ExitStack() as stack:
        small = stack.enter_context(crew(ground))
        crews = {name: stack.enter_context(crew(ground)) for name in sizes}
        while True:
            base = _rate(small, scale.jobs, scale.seconds)
            yield [
                Sample(
                    f"drain, {name} arguments",
                    ground.durability,
                    "jobs/s",
                    _rate(crews[name], jobs, scale.seconds, size),
                    "drain, 20 B arguments",
                    base,
                )
                for name, (size, jobs) in sizes.items()
            ]


def backlog(ground: Ground) -> Rounds:
    """Measure equal drains from small and large backlogs, and beside many finished jobs."""
    scale = ground.scale
    with ExitStack() as stack:
        fresh, old = stack.enter_context(crew(ground)), stack.enter_context(crew(ground))
        crews = {pending: stack.enter_context(crew(ground)) for pending in scale.backlogs}
        with old.working(2):
            old.drain(scale.finished, math.inf)
        while True:
            base = _rate(fresh, scale.jobs, scale.seconds)
            window = scale.jobs / base
            found = {f"drain, {pending:,} pending": _rate(crews[pending], pending, window) for pending in crews}
            found[f"drain, {scale.finished:,} finished"] = _rate(old, scale.jobs, window)
            yield [
                Sample(name, ground.durability, "jobs/s", value, f"drain, {scale.jobs:,} pending", base)
                for name, value in found.items()
            ]


def _rate(workers: Crew, jobs: int, seconds: float, size: int = 0) -> float:
    """Return the rate of draining ``jobs`` jobs, repeated for about ``seconds`` seconds."""
    done, taken = 0, 0.0
    with workers.working(1):
        while taken < seconds * 0.9:
            more = workers.drain(jobs, seconds - taken, size)
            done, taken = done + more.jobs, taken + more.seconds
    return done / taken
