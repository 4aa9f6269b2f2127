"""Runs every scenario in turn, round after round."""

from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from pqkit.bench.bare_driver import bare
from pqkit.bench.drain_rate import alone, drain, records
from pqkit.bench.enqueue_rate import enqueue, threads
from pqkit.bench.figures import Sample
from pqkit.bench.mixed_load import mixed
from pqkit.bench.pickup_latency import latency
from pqkit.bench.queue_growth import backlog, payload
from pqkit.bench.scale import WHOLE, Ground, Rounds, Scale
from pqkit.bench.worker_lifecycle import memory, start
from pqkit.db import Durability
from pqkit.db.scratch import Site
from pqkit.lab.harness.result import Progress, silent

# Each ``next`` measures one round and yields its samples.
Scenario = Callable[[Ground], Rounds]
SCENARIOS: dict[str, Scenario] = {
    "bare": bare,
    "enqueue": enqueue,
    "drain": drain,
    "alone": alone,
    "records": records,
    "threads": threads,
    "mixed": mixed,
    "latency": latency,
    "payload": payload,
    "backlog": backlog,
    "start": start,
    "memory": memory,
}


class Plan(NamedTuple):
    """The scenarios to measure, the number of rounds, the durabilities and the scale."""

    scenarios: tuple[str, ...] = tuple(SCENARIOS)
    rounds: int = 5
    durabilities: tuple[Durability, ...] = ("full", "normal")
    scale: Scale = WHOLE


def run(site: Site, plan: Plan, progress: Progress = silent) -> list[Sample]:
    """Measure by plan on new databases of ``site``; this takes minutes at full scale."""
    steps = [(name, durability) for name in plan.scenarios for durability in plan.durabilities]
    samples: list[Sample] = []
    for number, (name, durability) in enumerate(steps):
        with closing(SCENARIOS[name](Ground(site, durability, plan.scale))) as scenario:
            for turn in range(plan.rounds):
                part = (number + turn / plan.rounds) / len(steps)
                progress(part, f"{name} at {durability}, round {turn + 1} of {plan.rounds}")
                samples += next(scenario)
    return samples
