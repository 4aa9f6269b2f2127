"""Capacity planner: replays a recorded load with other workers, more jobs, lease or limits.

It back-tests first: it replays the record's second half with run lengths from the first half alone. If the simulated
waits differ from the recorded ones, its answers are not to be trusted.
"""

import heapq
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles
from typing import NamedTuple

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.queue_limits import QueueOptions
from pqkit.errors import PqkitError
from pqkit.lab.simulation.databases import simulated
from pqkit.planning.replay import Arrival, Replay, Shift, Started
from pqkit.queries.time_range import EVER, RunView, Span, lives, runs
from pqkit.settings import settings

TOLERANCE = 0.2
SEEDS = 3
LEAST = 40
BINS = 20
Kind = tuple[str, str, int]


class TooLittle(PqkitError):
    """A record that is too short to learn from."""


class NotToBeTrusted(PqkitError):
    """The back-test failed, so the planner's answer would be worthless."""


@dataclass(frozen=True)
class Record:
    """A recorded load: its runs in due order, their waits in seconds, and the workers.

    ``crashed`` marks the runs that ended with their worker's death. ``gaps`` are the seconds between the moment when a
    run was due and a slot of its worker was free, and the run's start.
    """

    load: list[Arrival]
    waited: list[float]
    crashed: list[bool]
    gaps: list[float]
    shifts: list[Shift]


class Waits(NamedTuple):
    """Wait times of runs in seconds: the mean and the 95th percentile."""

    mean: float
    p95: float


class Bin(NamedTuple):
    """A part of the held-out half: ``at`` s from its start, recorded and simulated mean wait."""

    at: float
    recorded: float
    simulated: float


class BackTest(NamedTuple):
    """The held-out half against its replay; the errors are relative to the record."""

    recorded: Waits
    simulated: Waits
    mean_error: float
    p95_error: float
    bins: list[Bin]

    @property
    def trusted(self) -> bool:
        return max(self.mean_error, self.p95_error) <= TOLERANCE

    @property
    def words(self) -> str:
        errors = f"mean wait off by {self.mean_error:.0%}, p95 by {self.p95_error:.0%}"
        if self.trusted:
            return f"the replay of the held-out half agrees with the record: {errors}"
        return f"not to be trusted here: {errors}, and {TOLERANCE:.0%} is the limit"


class Answer(NamedTuple):
    """The planner's answer: mean wait and p95 in seconds, and the slots' utilization.

    Each wait has the minimum, median and maximum of several replays.
    """

    asked: str
    mean_low: float
    mean: float
    mean_high: float
    p95_low: float
    p95: float
    p95_high: float
    busy: float


def record_of(database: Database, span: Span = EVER) -> Record:
    """Read a load from the history. Raises TooLittle.

    Every worker counts as serving every queue and task.
    """
    found = sorted((run for run in runs(database, span) if run.started_at is not None), key=lambda run: run.due_at)
    if len(found) < LEAST:
        raise TooLittle(f"{len(found)} runs are on record in that span, and {LEAST} are the least to learn from")
    start, end = found[0].due_at, max(run.ended_at for run in found)
    workers = lives(database, Span(start, end))
    shifts = [
        Shift(life.slots, max(0, life.started_at - start), None if life.ended_at is None else life.ended_at - start)
        for life in workers
    ]
    return Record(
        [_arrival(run, start) for run in found],
        [(_began(run) - run.due_at) / SECOND for run in found],
        [run.outcome == "crashed" for run in found],
        _gaps(found, {life.worker: life.slots for life in workers}),
        shifts,
    )


def back_test(record: Record, seeds: int = SEEDS) -> BackTest:
    """Replay the second half with run lengths of the first half, and compare the waits."""
    half = record.load[-1].at // 2
    first = [place for place, arrival in enumerate(record.load) if arrival.at < half]
    held_out = [place for place, arrival in enumerate(record.load) if arrival.at >= half]
    lengths, known = _lengths(record, first), set(first)
    plays = [
        _play(
            record.shifts,
            [a if n in known else _drawn(a, lengths, dice) for n, a in enumerate(record.load)],
            [record.gaps[place] for place in first],
            seed,
        )
        for seed, dice in _dice(seeds)
    ]
    waits = [_waits([s.waited for s in play if s.order not in known]) for play in plays]
    recorded = _waits([record.waited[place] for place in held_out])
    middle = Waits(*(median(values) for values in zip(*waits, strict=True)))
    mean_error, p95_error = (abs(found / real - 1) for found, real in zip(middle, recorded, strict=True))
    return BackTest(recorded, middle, mean_error, p95_error, _bins(record, held_out, plays))


def plan(
    record: Record,
    test: BackTest,
    *,
    workers: float = 1.0,
    arrivals: float = 1.0,
    lease: float | None = None,
    limits: Mapping[str, QueueOptions] | None = None,
    seeds: int = SEEDS,
) -> Answer:
    """Predict waits for a factor of workers and of jobs, a lease in seconds, and queue settings.

    Raises NotToBeTrusted unless the back-test has passed.
    """
    if not test.trusted:
        raise NotToBeTrusted(test.words)
    everything = range(len(record.load))
    lengths, shifts = _lengths(record, everything), _times(_staying(record), workers)
    load = record.load if lease is None else _with_lease(record, lease)
    plays, busy = [], []
    for seed, dice in _dice(seeds):
        drawn = [_drawn(arrival, lengths, dice) for arrival in _more(load, arrivals, dice)]
        plays.append(_play(shifts, drawn, record.gaps, seed, limits))
        slots = sum(shift.slots * ((shift.ends or drawn[-1].at) - shift.begins) for shift in shifts) / SECOND
        busy.append(sum(arrival.seconds for arrival in drawn) / max(slots, 1e-9))
    means, p95s = zip(*(_waits([s.waited for s in play]) for play in plays), strict=True)
    asked = f"{workers:g} times the workers, {arrivals:g} times the jobs"
    asked += "" if lease is None else f", lease {lease:g} s"
    asked += "".join(f", {name} {options}" for name, options in (limits or {}).items())
    return Answer(asked, min(means), median(means), max(means), min(p95s), median(p95s), max(p95s), fmean(busy))


def _arrival(run: RunView, start: int) -> Arrival:
    return Arrival(run.due_at - start, run.queue, run.task, run.priority, (run.ended_at - _began(run)) / SECOND)


def _began(run: RunView) -> int:
    return run.claimed_at if run.started_at is None else run.started_at


def _play(
    shifts: Sequence[Shift],
    load: Sequence[Arrival],
    gaps: Sequence[float],
    seed: int,
    limits: Mapping[str, QueueOptions] | None = None,
) -> list[Started]:
    with simulated() as database:
        return Replay(database, shifts, gaps, dict(limits or {}), seed).play(load)


def _dice(seeds: int) -> list[tuple[int, random.Random]]:
    return [(seed, random.Random(seed)) for seed in range(seeds)]  # noqa: S311 - repeatable, not secret


def _lengths(record: Record, places: Sequence[int] | range) -> dict[Kind, list[float]]:
    """The lengths of the runs at these places, by kind."""
    lengths: dict[Kind, list[float]] = defaultdict(list)
    for place in places:
        lengths[_kind(record.load[place])].append(record.load[place].seconds)
    return lengths


def _kind(arrival: Arrival) -> Kind:
    return arrival.task, arrival.queue, arrival.priority


def _drawn(arrival: Arrival, lengths: Mapping[Kind, Sequence[float]], dice: random.Random) -> Arrival:
    """Draw a run length from its kind's; keep its own if the kind is new."""
    known = lengths.get(_kind(arrival))
    return arrival._replace(seconds=dice.choice(known)) if known else arrival


def _gaps(found: Sequence[RunView], slots: Mapping[str, int]) -> list[float]:
    free: dict[str | None, list[int]] = {name: [0] * count for name, count in slots.items()}
    gaps = {}
    for run in sorted(found, key=_began):
        slot = heapq.heappop(free.setdefault(run.worker, [0])) if free.get(run.worker) else 0
        gaps[run.job, run.attempt] = max(0, _began(run) - max(slot, run.due_at)) / SECOND
        heapq.heappush(free[run.worker], run.ended_at)
    return [gaps[run.job, run.attempt] for run in found]


def _with_lease(record: Record, lease: float) -> list[Arrival]:
    """Adjust the runs whose worker died to this lease, in place of the current setting."""
    change = lease - settings().rescue_after
    pairs = zip(record.load, record.crashed, strict=True)
    return [a._replace(seconds=max(0.0, a.seconds + change)) if died else a for a, died in pairs]


def _staying(record: Record) -> list[Shift]:
    """Keep the workers that saw the last job arrive until all jobs are done.

    With more work than on record, the longest waits would otherwise never be counted.
    """
    last = record.load[-1].at
    return [s._replace(ends=None) if s.ends is not None and s.ends >= last else s for s in record.shifts]


def _times(shifts: Sequence[Shift], factor: float) -> list[Shift]:
    """Multiply the workers by ``factor``, with at least one."""
    wanted = max(1, round(len(shifts) * factor))
    return [shifts[place % len(shifts)] for place in range(wanted)]


def _more(load: Sequence[Arrival], factor: float, dice: random.Random) -> list[Arrival]:
    """Multiply the jobs by ``factor``; copies are near the original in time."""
    spread = load[-1].at // len(load) + 1
    found = []
    for arrival in load:
        copies = int(factor) + (dice.random() < factor % 1)
        moved = (arrival.at if n == 0 else max(0, arrival.at + dice.randint(-spread, spread)) for n in range(copies))
        found += [arrival._replace(at=at) for at in moved]
    return sorted(found, key=lambda arrival: arrival.at)


def _waits(waited: Sequence[float]) -> Waits:
    return Waits(fmean(waited), quantiles(waited, n=20, method="inclusive")[18])


def _bins(record: Record, held_out: Sequence[int], plays: Sequence[Sequence[Started]]) -> list[Bin]:
    first, last = record.load[held_out[0]].at, record.load[held_out[-1]].at + 1
    width = max(1, (last - first) // BINS)
    recorded: dict[int, list[float]] = defaultdict(list)
    replayed: dict[int, list[float]] = defaultdict(list)
    for place in held_out:
        recorded[(record.load[place].at - first) // width].append(record.waited[place])
    for started in (started for play in plays for started in play if started.at >= first):
        replayed[(started.at - first) // width].append(started.waited)
    both = sorted(recorded.keys() & replayed.keys())
    return [Bin(n * width / SECOND, fmean(recorded[n]), fmean(replayed[n])) for n in both]
