"""Loads of different shapes, run by real workers, from which the planner learns."""

import math
import random
import time
from collections.abc import Iterator
from typing import NamedTuple

from pqkit.lab import Scratch, wait_until
from pqkit.lab.experiments.load import TASKS
from pqkit.lab.harness.fleet import Fleet
from pqkit.queries import at_rest

PATIENCE = 300.0
WORKERS, SLOTS = 2, 2


class Call(NamedTuple):
    """A job to queue ``at`` seconds from the start."""

    at: float
    seconds: float
    queue: str = "default"
    priority: int = 0


def bursts(seconds: float, dice: random.Random) -> Iterator[Call]:
    """Every three seconds, a burst that takes the workers two seconds, of jobs of about 0.2 s."""
    for burst in range(int(seconds / 3)):
        yield from (Call(3.0 * burst, dice.uniform(0.15, 0.25)) for _ in range(WORKERS * SLOTS * 10))


def tide(seconds: float, dice: random.Random) -> Iterator[Call]:
    """A rate that rises above the workers' capacity and falls again, in waves of six seconds."""
    able, at = WORKERS * SLOTS / 0.2, 0.0
    while at < seconds:
        at += dice.expovariate(able * (0.75 - 0.7 * math.cos(2 * math.pi * at / 6)))
        yield Call(at, dice.choice((0.1, 0.2, 0.3)))


def mixed(seconds: float, dice: random.Random) -> Iterator[Call]:
    """Short urgent jobs and batches of long low-priority ones in one queue, others in another."""
    for number in range(int(seconds * 8)):
        at = number / 8
        yield Call(at, dice.uniform(0.08, 0.12), "web", -1)
        if number % 32 == 0:
            yield from (Call(at, dice.uniform(0.25, 0.35), "web", 5) for _ in range(24))
        if number % 4 == 0:
            yield Call(at, dice.uniform(0.1, 0.2), "mail")


SHAPES = {"bursts": bursts, "tide": tide, "mixed": mixed}


def run_load(place: Scratch, shape: str, seconds: float, seed: int = 1) -> int:
    """Run a load of a shape on real workers for ``seconds``; return the number of jobs.

    The shapes are ``bursts``, ``tide`` and ``mixed``.
    """
    calls = sorted(SHAPES[shape](seconds, random.Random(seed)))  # noqa: S311 - repeatable, not secret
    with Fleet(place, (), log_level="warning") as fleet:
        fleet.wait_ready([fleet.worker("--slots", str(SLOTS), tasks=TASKS) for _ in range(WORKERS)])
        begun = time.monotonic()
        for call in calls:
            time.sleep(max(0.0, begun + call.at - time.monotonic()))
            fleet.queue.enqueue("lab.nap", {"seconds": call.seconds}, queue=call.queue, priority=call.priority)
        wait_until(lambda: at_rest(fleet.queue.database), PATIENCE, "the load's end")
        fleet.stop()
    return len(calls)
