"""Samples of all and of each queue, about once a second, so that charts count nothing."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.states import FINAL, JobState
from pqkit.leasing.run_metrics import Key, Sums, write
from pqkit.maintenance.forecaster import foresee
from pqkit.sql import compiled as sql

EVERY = 0.9
"""Slightly under one second, so that the next maintenance tick is never too early."""
REST = 20
"""After a slow sample, wait ``REST`` times its duration before the next."""
SIZES_EVERY = 10.0
FORESEE_EVERY = 5.0
MOST_QUEUES = 200
MOST_JOBS = 20_000
STATES = (JobState.PENDING, JobState.SCHEDULED, JobState.RETRYING, JobState.PROCESSING)


class Looked(NamedTuple):
    """The counts of one look.

    ``unfinished`` holds jobs by queue and state, ``since`` when each queue's oldest pending job became due, ``ended``
    jobs by state, ``workers`` the living workers' (slots, memory), ``held`` the jobs of each. ``last_job`` is the
    highest job id; enqueued jobs are counted up to ``counted_to``. ``forecasts`` is the number still to be judged.
    """

    unfinished: dict[str, Counter[JobState]]
    since: dict[str, int]
    ended: dict[JobState, int]
    workers: dict[int, tuple[int, int]]
    held: Counter[int]
    last_job: int
    counted_to: int
    forecasts: int


class Sampler:
    """Takes samples while its worker has the duty.

    Two samplers at once, or a sample written twice, do no harm: sums are divided by the number of samples.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next = self._next_sizes = self._next_forecast = 0.0
        self._sizes: Sequence[int | None] = (None, None, None)
        self._commit: int | None = None
        self._last_job: int | None = None
        self._may_foresee = True

    def sample_if_due(self, clock: float) -> bool:
        """Take a sample if it is due at ``clock`` (monotonic seconds); True if it was taken."""
        if clock < self._next:
            return False
        began = time.monotonic()
        self.sample()
        self._next = clock + max(EVERY, REST * (time.monotonic() - began))
        if self._may_foresee and clock >= self._next_forecast:
            self._next_forecast = clock + FORESEE_EVERY
            foresee(self._database)
        return True

    def sample(self) -> None:
        """Count, and write the counts."""
        looked = _look(self._database.rows(sql.LOOK))
        came = self._came(looked.counted_to)
        now = self._database.now()
        pulse = (now, 1, 1, *_slots(looked), *self._measured(), *_totals(looked))
        depths = [(now, 1, *row) for row in _depths(looked, now)]
        began = time.monotonic()
        if came or depths:
            self._write(pulse, depths, came, looked.counted_to)
        else:
            self._database.write_one(sql.INSERT_PULSE, *pulse, looked.counted_to)
        self._commit = round((time.monotonic() - began) * SECOND)
        self._last_job = looked.last_job
        self._may_foresee = bool(depths or looked.forecasts)

    def _came(self, counted_to: int) -> list[Any]:
        """A bounded number of enqueued jobs that are not counted yet."""
        until = counted_to if self._last_job is None else self._last_job
        return self._database.rows(sql.CAME, counted_to, until, MOST_JOBS) if until > counted_to else []

    def _write(self, pulse: tuple[object, ...], depths: list[Any], came: list[Any], counted_to: int) -> None:
        with self._database.write() as tx:
            if came and tx.row(sql.COUNTED_TO)[0] == counted_to:
                counted_to = max(row[-1] for row in came)
                write(
                    tx, {Key(second, queue, task, "enqueued"): Sums(count) for second, queue, task, count, _ in came}, 0
                )
            tx.run(sql.INSERT_PULSE, *pulse, counted_to)
            tx.run_many(sql.INSERT_DEPTH, depths)

    def _measured(self) -> tuple[int | None, ...]:
        """The last commit's time twice (as mean and as maximum), and the sizes."""
        clock = time.monotonic()
        if clock >= self._next_sizes:
            self._next_sizes = clock + SIZES_EVERY
            self._sizes = self._database.sizes()
        return self._commit, self._commit, *self._sizes


def _look(rows: list[Any]) -> Looked:
    unfinished: dict[str, Counter[JobState]] = defaultdict(Counter)
    since, ended, workers, held, whole = {}, {}, {}, Counter[int](), (0, 0, 0)
    for part, queue, state, worker, count, more in rows:
        if part == "ready":
            unfinished[queue][JobState.PENDING], since[queue] = count, more
        elif part == "delayed":
            unfinished[queue][JobState(state)] += count
        elif part == "lease":
            unfinished[queue][JobState.PROCESSING] += count
            held[worker] += count
        elif part == "closed":
            ended[JobState(state)] = count
        elif part == "worker":
            workers[worker] = count, more
        else:
            whole = worker, count, more
    return Looked(unfinished, since, ended, workers, held, *whole)


def _slots(looked: Looked) -> tuple[int, int, int, int]:
    """Workers, slots, busy slots, memory. A worker may hold more jobs than it runs."""
    busy = sum(min(looked.held[worker], slots) for worker, (slots, _) in looked.workers.items())
    memory = sum(memory for _, memory in looked.workers.values())
    return len(looked.workers), sum(slots for slots, _ in looked.workers.values()), busy, memory


def _totals(looked: Looked) -> list[int]:
    return [looked.ended.get(state, 0) for state in FINAL]


def _depths(looked: Looked, now: int) -> list[tuple[object, ...]]:
    """One row per queue with unfinished jobs; beyond the largest 200 queues, one unnamed row."""
    largest = sorted(looked.unfinished.items(), key=lambda each: -each[1].total())
    rows = [_depth(queue, counts, looked.since.get(queue), now) for queue, counts in largest[:MOST_QUEUES]]
    if others := largest[MOST_QUEUES:]:
        together = sum((counts for _, counts in others), Counter[JobState]())
        oldest = min((looked.since[queue] for queue, _ in others if queue in looked.since), default=None)
        rows.append(_depth("", together, oldest, now))
    return rows


def _depth(queue: str, counts: Counter[JobState], since: int | None, now: int) -> tuple[object, ...]:
    return queue, *(counts[state] for state in STATES), None if since is None else max(0, now - since)
