"""Replays a load in simulated time: recorded arrivals, real claims.

The verbs are the real ones on a scratch database, so order, priorities, pauses and limits are the queue's; only the
workers' slots, the run lengths and the clock are modeled.
"""

import heapq
import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import PLAIN, Claim
from pqkit.domain.queue_limits import QueueOptions
from pqkit.lab.simulation.databases import SimulatedDatabase
from pqkit.queue import Finished, Leases, Queue
from pqkit.worker.prefetch import Pace

TICK = SECOND
ENOUGH = 1_000  # turns without a run or an arrival; jobs that still wait then would wait for ever


class Arrival(NamedTuple):
    """A run that becomes due ``at`` (microseconds from the start) and takes ``seconds``."""

    at: int
    queue: str
    task: str
    priority: int
    seconds: float


class Shift(NamedTuple):
    """A worker with ``slots``, present from ``begins`` to ``ends`` (microseconds; None: no end)."""

    slots: int
    begins: int
    ends: int | None


class Started(NamedTuple):
    """A replayed run: its due time and wait in seconds; ``order`` is its place in the load."""

    order: int
    at: int
    waited: float


@dataclass
class Hand:
    """A simulated worker: holds claims, runs one per slot, adapts its pace as real ones do."""

    leases: Leases
    shift: Shift
    pace: Pace
    running: int = 0
    queued: deque[Claim] = field(default_factory=deque)
    ended: list[Finished] = field(default_factory=list)

    @property
    def held(self) -> int:
        return self.running + len(self.queued)

    def demand(self, now: int) -> int:
        there = self.shift.begins <= now and (self.shift.ends is None or now < self.shift.ends)
        return max(0, self.pace.target() - self.held) if there else 0


class Replay:
    """Replays one load on these workers; before each run its slot idles for one of ``gaps`` (s)."""

    def __init__(
        self,
        database: SimulatedDatabase,
        shifts: Sequence[Shift],
        gaps: Sequence[float],
        limits: dict[str, QueueOptions],
        seed: int,
    ) -> None:
        self._database, self._gaps = database, gaps
        self._dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._limits, self._shifts = limits, shifts
        self._numbers = count()
        self._coming: list[tuple[int, int, Hand | None, Claim | None]] = []
        self._began: dict[tuple[int, int], int] = {}
        self._found: list[Started] = []

    def play(self, load: Sequence[Arrival]) -> list[Started]:
        """Replay the load to its end; runs that never start are left out."""
        queue = self._database.begin_anew()
        machine, self._start = self._database.machine, self._database.machine.now()
        with machine.instead():
            for name, options in self._limits.items():
                queue.operator("lab").set_queue(name, **options)
            tasks = sorted({arrival.task for arrival in load})
            self._hands = [
                Hand(_registered(queue, n, shift, tasks), shift, Pace(shift.slots))
                for n, shift in enumerate(self._shifts)
            ]
            self._orders = sorted(range(len(load)), key=lambda place: load[place].at)
            self._play(queue, load)
        return self._found

    def _play(self, queue: Queue, load: Sequence[Arrival]) -> None:
        arrived, waiting, idle, now = 0, 0, 0, 0
        for shift in self._shifts:
            self._wake_at(shift.begins)
        while (arrived < len(load) or waiting or self._coming) and idle < ENOUGH:
            following = load[self._orders[arrived]].at if arrived < len(load) else None
            now = min(moment for moment in (following, self._next(), now + TICK) if moment is not None)
            self._database.machine.elapsed += now - (self._database.machine.now() - self._start)
            fresh = self._arriving(load, arrived, now)
            _enqueue(queue, fresh)
            arrived, waiting = arrived + len(fresh), waiting + len(fresh)
            self._finish(now)
            claimed = self._take_turns(now, load, waiting=waiting > 0)
            waiting -= claimed
            idle = 0 if claimed or self._coming or arrived < len(load) else idle + 1

    def _arriving(self, load: Sequence[Arrival], arrived: int, now: int) -> list[Arrival]:
        fresh: list[Arrival] = []
        while arrived + len(fresh) < len(load) and load[self._orders[arrived + len(fresh)]].at <= now:
            fresh.append(load[self._orders[arrived + len(fresh)]])
        return fresh

    def _finish(self, now: int) -> None:
        """End the runs whose time is over, and free their slots."""
        while self._coming and self._coming[0][0] <= now:
            _, _, hand, claim = heapq.heappop(self._coming)
            if hand is not None and claim is not None:
                hand.running -= 1
                began = self._began.pop((claim.job_id, claim.attempt))
                hand.ended.append(Finished(claim, PLAIN, self._start + began, self._start + now))

    def _take_turns(self, now: int, load: Sequence[Arrival], *, waiting: bool) -> int:
        """Let the workers exchange in random order; return how many jobs were claimed."""
        claimed = 0
        for hand in self._dice.sample(self._hands, len(self._hands)):
            self._fill(hand, now, load)
            demand = hand.demand(now) if waiting else 0
            if hand.ended or demand:
                turn = hand.leases.exchange(hand.ended, demand, alone=hand.held == 0)
                hand.pace.saw([(f.ended_at - (f.started_at or 0)) / SECOND for f in hand.ended])
                hand.ended = []
                hand.queued.extend(turn.claims)
                claimed += len(turn.claims)
                self._fill(hand, now, load)
        return claimed

    def _fill(self, hand: Hand, now: int, load: Sequence[Arrival]) -> None:
        while hand.queued and hand.running < hand.shift.slots:
            claim = hand.queued.popleft()
            order = self._orders[claim.job_id - 1]  # job ids follow the order of arrival
            begun = now + round(self._dice.choice(self._gaps) * SECOND)
            hand.running += 1
            self._began[claim.job_id, claim.attempt] = begun
            self._found.append(Started(order, load[order].at, (begun - load[order].at) / SECOND))
            ends = begun + round(load[order].seconds * SECOND)
            heapq.heappush(self._coming, (ends, next(self._numbers), hand, claim))

    def _wake_at(self, moment: int) -> None:
        heapq.heappush(self._coming, (moment, next(self._numbers), None, None))

    def _next(self) -> int | None:
        return self._coming[0][0] if self._coming else None


def _registered(queue: Queue, number: int, shift: Shift, tasks: Sequence[str]) -> Leases:
    leases = queue.leases(f"w{number}", shift.slots, tasks)
    leases.register()
    return leases


def _enqueue(queue: Queue, fresh: Iterable[Arrival]) -> None:
    for arrival in fresh:
        queue.enqueue_many(arrival.task, [{}], queue=arrival.queue, priority=arrival.priority)
