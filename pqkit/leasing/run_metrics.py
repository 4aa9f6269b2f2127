"""Run metrics of a worker: counted in memory, written to the database once a second."""

import json
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from pqkit.db import Transaction
from pqkit.domain.durations import SECOND
from pqkit.domain.error_groups import FAILING, GAP, pattern
from pqkit.domain.histogram import bucket
from pqkit.leasing.finished_attempt import Finished
from pqkit.sql import compiled as sql

MERGES = ((1, 60, 1_200), (60, 600, 86_400), (600, 3_600, 7 * 86_400))
"""(width, wider width, age) in seconds: rows older than the age are merged."""
KEEP = 90 * 86_400
MOST = 5_000
MOST_KEYS = 500


class Key(NamedTuple):
    """The second (since 1970) in which runs ended, their kind, and their error's pattern."""

    second: int
    queue: str
    task: str
    outcome: str
    error: str = ""


@dataclass(slots=True)
class Sums:
    """Sums and histograms (µs) of one key's runs; the last error and its job as an example."""

    count: int = 0
    waited: int = 0
    ran: int = 0
    waits: Counter[int] = field(default_factory=Counter)
    runs: Counter[int] = field(default_factory=Counter)
    example: str | None = None
    example_job: int | None = None

    def add(self, waited: Sequence[int], ran: Sequence[int]) -> None:
        """Add runs by their wait and run times in microseconds."""
        self.count += len(ran)
        self.waited += sum(waited)
        self.ran += sum(ran)
        _sort_in(self.waits, waited)
        _sort_in(self.runs, ran)

    def merged(self, other: "Sums") -> "Sums":
        """Merge with earlier sums."""
        last = self if self.example_job is not None else other
        return Sums(
            self.count + other.count,
            self.waited + other.waited,
            self.ran + other.ran,
            self.waits + other.waits,
            self.runs + other.runs,
            last.example,
            last.example_job,
        )


Counted = dict[Key, Sums]


def _sort_in(histogram: Counter[int], spans: Sequence[int]) -> None:
    least, most = bucket(min(spans)), bucket(max(spans))
    if least == most:  # the jobs of a batch have mostly waited equally long
        histogram[least] += len(spans)
    else:
        histogram.update(map(bucket, spans))


def _key(f: Finished) -> tuple[int, str, str, str, str]:
    claim, outcome, _, ended_at = f
    error = pattern(outcome.summary or outcome.kind) if outcome.kind in FAILING else ""
    return ended_at // SECOND, claim.queue, claim.task, outcome.kind, error


class Tally:
    """Counts one worker's accepted finishes until its heartbeat writes them. Thread-safe."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._counted: Counted = {}

    def count(self, finished: Iterable[Finished]) -> None:
        """Count runs whose finish is committed; a claim that was given back unrun does not count."""
        with self._mutex:
            for place, runs in groupby(finished, _key):
                group = list(runs)
                spans = [(f.started_at - f.claim.since, f.ended_at - f.started_at) for f in group if f.started_at]
                if spans:
                    waited, ran = zip(*spans, strict=True)
                    sums = self._counted.setdefault(self._bounded(Key(*place)), Sums())
                    sums.add(waited, ran)
                    if place[-1]:
                        sums.example, sums.example_job = group[-1].outcome.summary, group[-1].claim.job_id

    def _bounded(self, key: Key) -> Key:
        """Fall back to one key for the error's kind if there are too many patterns."""
        if key.error and len(self._counted) > MOST_KEYS:
            return key._replace(error=f"{key.error.partition(':')[0]}: {GAP}")
        return key

    def take(self) -> Counted:
        """Take the counts since the last take."""
        with self._mutex:
            taken, self._counted = self._counted, {}
        return taken

    def give_back(self, taken: Counted) -> None:
        """Put back counts that could not be written."""
        with self._mutex:
            for key, sums in taken.items():
                self._counted[key] = sums.merged(self._counted.get(key, Sums()))


def write(tx: Transaction, counted: Counted, worker_id: int) -> None:
    tx.run_many(sql.INSERT_ROLLUP, [_row(key, sums, worker_id) for key, sums in counted.items()])


def write_crashes(tx: Transaction, lost: Sequence[Finished]) -> None:
    """Count runs that ended without a report; their run time is unknown."""
    for f in lost:
        one = Sums(count=1, example=f.outcome.summary, example_job=f.claim.job_id)
        tx.run(sql.INSERT_ROLLUP, *_row(Key(*_key(f)), one, f.claim.worker_id))


def merge(tx: Transaction, now: int) -> int:
    """Merge old rows into wider ones, and drop rows older than 90 days.

    Seconds older than 20 minutes become minutes, those of yesterday ten minutes, those of last week hours. A step takes
    a bounded number of rows; later calls do the rest.
    """
    fewer = sum(_widen(tx, fine, wide, now - age * SECOND) for fine, wide, age in MERGES)
    return fewer + tx.run(sql.FORGET_ROLLUPS, MERGES[-1][1], now - KEEP * SECOND)


def _widen(tx: Transaction, fine: int, wide: int, before: int) -> int:
    rows = tx.rows(sql.FINE_ROLLUPS, fine, before - before % (wide * SECOND), MOST)
    merged: Counted = {}
    for _, at, _, queue, task, outcome, _, count, waited, ran, waits, runs, error, *example in rows:
        key = Key(at // SECOND // wide * wide, queue, task, outcome, error)
        merged[key] = Sums(count, waited, ran, _read(waits), _read(runs), *example).merged(merged.get(key, Sums()))
    tx.run_many(sql.DELETE_ROLLUP, [row[:1] for row in rows])
    tx.run_many(sql.INSERT_ROLLUP, [_row(key, sums, 0, wide) for key, sums in merged.items()])
    return len(rows) - len(merged)


def _read(histogram: str) -> Counter[int]:
    return Counter({int(index): count for index, count in json.loads(histogram).items()})


def _row(key: Key, sums: Sums, worker_id: int, width: int = 1) -> tuple[object, ...]:
    histograms = (json.dumps(sums.waits), json.dumps(sums.runs))
    place = (key.second * SECOND, width, key.queue, key.task, key.outcome, worker_id)
    return *place, sums.count, sums.waited, sums.ran, *histograms, key.error, sums.example, sums.example_job
