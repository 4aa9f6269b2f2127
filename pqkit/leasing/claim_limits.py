"""Claims from queues with limits.

Each claim counts running jobs from the leases, so a dead worker frees its share exactly when its leases end.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from pqkit.db import Database, Transaction
from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import Claim
from pqkit.domain.queue_limits import MOST, QueueSettings
from pqkit.leasing.bounded_walk import next_names
from pqkit.sql import compiled as sql

MOST_SUSPECTS = 100
# Seconds for which a look trusts that no job before a position can be claimed. A job that returns with an old id is
# found after that.
TRUST = 0.5


class Taker(NamedTuple):
    """The claiming worker, and the time of the claim."""

    id: int
    name: str
    slots: int
    now: int


class Room(NamedTuple):
    """The jobs that a queue lets start now.

    ``keys`` holds what is left of each key with running jobs; ``next_at`` is when the rate lets the next job start, if
    the rate is what the queue waits for.
    """

    settings: QueueSettings
    jobs: int
    keys: dict[str, int]
    next_at: int | None = None

    def left(self, key: str | None) -> int:
        if key is None or self.settings.key_concurrency is None:
            return MOST
        return self.keys.get(key, self.settings.key_concurrency)


class Limited:
    """Claims from limited queues, for one worker's life."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.next_at: int | None = None
        self._locked: str | None = None
        self._last_key: dict[tuple[str, int], str] = {}
        self._passed: dict[tuple[str, int], tuple[int, float]] = {}

    def begin(self) -> None:
        """Begin a new look, in a new transaction."""
        self.next_at = self._locked = None

    def heads(self, tx: Transaction, queue: str, taker: Taker, demand: int, *, peek: bool = False) -> list[Claim]:
        """Find up to ``demand`` jobs; none from an unlimited queue. A suspect comes alone."""
        locking = sql.LIMITS if self._locked is None else sql.LIMITS_UNLESS_LOCKED
        row = tx.row(sql.LIMITS_PEEK if peek else locking, queue)
        if row is None:
            return []
        self._locked = queue
        taker = taker._replace(now=self._database.now())  # other workers may have held the row's lock for long
        room = _room(tx, queue, QueueSettings._make(row[:-1]), row[-1], taker)
        if room.next_at is not None:
            self.next_at = min(room.next_at, self.next_at or room.next_at)
        wanted = min(demand, room.jobs)
        if wanted <= 0:
            return []
        suspects = tx.rows(sql.SUSPECTS_PEEK if peek else sql.SUSPECTS_HEAD, queue, *_of(taker), MOST_SUSPECTS)
        taken = [claim for claim in map(Claim._make, suspects) if room.left(claim.limit_key) > 0][:1]
        return taken or _pick(self._candidates(tx, queue, taker, room, wanted, peek=peek), room, wanted)

    def _candidates(
        self, tx: Transaction, queue: str, taker: Taker, room: Room, wanted: int, *, peek: bool
    ) -> list[Claim]:
        """Find enough candidates by priority; with ageing, from every priority, most urgent first."""
        found: list[Claim] = []
        ageing = room.settings.ageing
        for (priority,) in tx.rows(sql.PRIORITIES, queue):
            if ageing is None and len(found) >= wanted:
                break
            if room.settings.key_concurrency is None:
                head = sql.CLASS_PEEK if peek else sql.CLASS_HEAD
                found += map(Claim._make, tx.rows(head, queue, priority, *_of(taker), wanted))
            else:
                keyed = self._by_key(tx, (queue, priority), taker, room, wanted, peek=peek)
                found += sorted(keyed, key=lambda claim: claim.job_id)
        if ageing is not None:
            found.sort(key=lambda claim: claim.priority - (taker.now - claim.since) / (ageing * SECOND))
        return found

    def _by_key(
        self, tx: Transaction, place: tuple[str, int], taker: Taker, room: Room, wanted: int, *, peek: bool
    ) -> Iterator[Claim]:
        """Find jobs of one priority whose keys leave room: a bounded number of keys, in rotation."""
        yield from self._without_key(tx, place, taker, wanted, peek=peek)
        count, head = 0, sql.KEY_PEEK if peek else sql.KEY_HEAD
        keys, rest = self._next_keys(tx, place)
        for key in keys:
            if count >= wanted:
                return
            left = min(room.left(key), wanted)
            rows = tx.rows(head, *place, key, *_of(taker), left) if left > 0 else []
            count += len(rows)
            if not (rows and peek):  # the claim that follows a peek begins with this key
                self._last_key[place] = key
            yield from map(Claim._make, rows)
        if rest is not None:
            self.look_again(taker.now, rest)

    def _next_keys(self, tx: Transaction, place: tuple[str, int]) -> tuple[list[str], float | None]:
        def read(after: str, limit: int) -> list[str]:
            return [key for (key,) in tx.rows(sql.KEYS, *place, after, limit)]

        return next_names(read, self._last_key.get(place, ""))

    def look_again(self, now: int, seconds: float) -> None:
        """Make this worker look again ``seconds`` after ``now``, because more queues or keys remain."""
        at = now + round(seconds * SECOND)
        self.next_at = min(at, self.next_at or at)

    def _without_key(
        self, tx: Transaction, place: tuple[str, int], taker: Taker, wanted: int, *, peek: bool
    ) -> list[Claim]:
        """Find jobs of one priority without a key, behind any number of jobs with keys.

        A full walk past those happens only every ``TRUST`` seconds; other looks begin where the last one found no job
        before.
        """
        passed, walked = self._passed.get(place, (0, 0.0))
        begun = time.monotonic()
        if begun - walked > TRUST:
            passed, walked = 0, begun
        last = tx.row(sql.LAST_OF_CLASS, *place)[0]
        rows = tx.rows(sql.UNKEYED_PEEK if peek else sql.UNKEYED_HEAD, *place, passed, *_of(taker), wanted)
        found = [Claim._make(row) for row in rows]
        self._passed[place] = (found[0].job_id - 1 if found else last or 0, walked)
        return found


def spend(tx: Transaction, queue: str, now: int, jobs: int) -> None:
    """Charge ``jobs`` starts to the queue's rate."""
    row = tx.row(sql.LIMITS_PEEK, queue)
    settings = QueueSettings._make(row[:-1])
    if settings.rate is not None:
        tx.run(sql.SPEND, settings.spent(row[-1], now, jobs), queue)


def _room(tx: Transaction, queue: str, settings: QueueSettings, rate_at: int | None, taker: Taker) -> Room:
    running = tx.rows(sql.RUNNING_IN, queue)
    mine = sum(worker == taker.id for _, worker in running)
    free = settings.free(rate_at, taker.now)
    jobs = min(taker.slots - mine, free)
    if settings.concurrency is not None:
        jobs = min(jobs, settings.concurrency - len(running))
    most = settings.key_concurrency or MOST
    keys = {key: most - count for key, count in Counter(key for key, _ in running if key is not None).items()}
    return Room(settings, jobs, keys, settings.next_at(rate_at, taker.now) if free <= 0 else None)


def _pick(candidates: list[Claim], room: Room, wanted: int) -> list[Claim]:
    """Pick the first candidates that fit each key's limit; return them in queue order."""
    taken: list[Claim] = []
    used: Counter[str | None] = Counter()
    for claim in candidates:
        if len(taken) < wanted and used[claim.limit_key] < room.left(claim.limit_key):
            used[claim.limit_key] += 1
            taken.append(claim)
    return sorted(taken, key=lambda claim: (claim.priority, claim.job_id))


def _of(taker: Taker) -> tuple[int, str, int]:
    return taker.now, taker.name, taker.id
