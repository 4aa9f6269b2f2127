"""What a worker's runs came to, counted in memory and handed to the database once a second."""

import json
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from pqkit.db import Transaction
from pqkit.histogram import bucket
from pqkit.queue.settle import Finished
from pqkit.sql import compiled as sql

SECOND = 1_000_000
MERGES = ((1, 60, 600), (60, 600, 86_400))
KEEP = 90 * 86_400
MOST = 5_000


class Key(NamedTuple):
    """The second (since 1970) in which runs ended, and of which kind they were."""

    second: int
    queue: str
    task: str
    outcome: str


@dataclass(slots=True)
class Sums:
    """Runs of one key; microseconds in all, and histograms of them."""

    count: int = 0
    waited: int = 0
    ran: int = 0
    waits: Counter[int] = field(default_factory=Counter)
    runs: Counter[int] = field(default_factory=Counter)

    def add(self, waited: Sequence[int], ran: Sequence[int]) -> None:
        """Count runs of so many microseconds each."""
        self.count += len(ran)
        self.waited += sum(waited)
        self.ran += sum(ran)
        _sort_in(self.waits, waited)
        _sort_in(self.runs, ran)

    def merged(self, other: "Sums") -> "Sums":
        waited, ran = self.waited + other.waited, self.ran + other.ran
        return Sums(self.count + other.count, waited, ran, self.waits + other.waits, self.runs + other.runs)


Counted = dict[Key, Sums]


def _sort_in(histogram: Counter[int], spans: Sequence[int]) -> None:
    least, most = bucket(min(spans)), bucket(max(spans))
    if least == most:  # a batch has mostly waited alike
        histogram[least] += len(spans)
    else:
        histogram.update(map(bucket, spans))


def _key(f: Finished) -> tuple[int, str, str, str]:
    claim, outcome, _, ended_at = f
    return ended_at // SECOND, claim.queue, claim.task, outcome.kind


class Tally:
    """Counts the accepted finishes of one worker until its heart takes them along. Safe between threads."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._counted: Counted = {}

    def count(self, finished: Iterable[Finished]) -> None:
        """Count runs whose finish is committed; a claim that never ran (it was given back) is none."""
        with self._mutex:
            for place, runs in groupby(finished, _key):
                spans = [(f.started_at - f.claim.since, f.ended_at - f.started_at) for f in runs if f.started_at]
                if spans:
                    waited, ran = zip(*spans, strict=True)
                    self._counted.setdefault(Key(*place), Sums()).add(waited, ran)

    def take(self) -> Counted:
        """What was counted since the last take."""
        with self._mutex:
            taken, self._counted = self._counted, {}
        return taken

    def give_back(self, taken: Counted) -> None:
        """Keep what could not be written yet."""
        with self._mutex:
            for key, sums in taken.items():
                self._counted[key] = sums.merged(self._counted.get(key, Sums()))


def write(tx: Transaction, counted: Counted, worker_id: int) -> None:
    tx.run_many(sql.INSERT_ROLLUP, [_row(key, sums, worker_id) for key, sums in counted.items()])


def write_crashes(tx: Transaction, lost: Sequence[Finished]) -> None:
    """Count runs that ended without a report; how long they ran is not known."""
    for f in lost:
        tx.run(sql.INSERT_ROLLUP, *_row(Key(*_key(f)), Sums(count=1), f.claim.worker_id))


def merge(tx: Transaction, now: int) -> int:
    """Merge rows into wider ones: seconds that are ten minutes old into minutes, those of yesterday into ten minutes.

    Rows of 90 days ago are dropped. A step takes a bounded number of rows; what is left is for the next time.
    """
    fewer = sum(_widen(tx, fine, wide, now - age * SECOND) for fine, wide, age in MERGES)
    return fewer + tx.run(sql.FORGET_ROLLUPS, MERGES[-1][1], now - KEEP * SECOND)


def _widen(tx: Transaction, fine: int, wide: int, before: int) -> int:
    rows = tx.rows(sql.FINE_ROLLUPS, fine, before - before % (wide * SECOND), MOST)
    merged: Counted = {}
    for _, at, _, queue, task, outcome, _, count, waited, ran, waits, runs in rows:
        key = Key(at // SECOND // wide * wide, queue, task, outcome)
        merged[key] = Sums(count, waited, ran, _read(waits), _read(runs)).merged(merged.get(key, Sums()))
    tx.run_many(sql.DELETE_ROLLUP, [row[:1] for row in rows])
    tx.run_many(sql.INSERT_ROLLUP, [_row(key, sums, 0, wide) for key, sums in merged.items()])
    return len(rows) - len(merged)


def _read(histogram: str) -> Counter[int]:
    return Counter({int(index): count for index, count in json.loads(histogram).items()})


def _row(key: Key, sums: Sums, worker_id: int, width: int = 1) -> tuple[object, ...]:
    histograms = (json.dumps(sums.waits), json.dumps(sums.runs))
    place = (key.second * SECOND, width, key.queue, key.task, key.outcome, worker_id)
    return *place, sums.count, sums.waited, sums.ran, *histograms
