"""Inserts jobs: one, many of one kind, or different ones together."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from pqkit.db import Alike, Database, Transaction
from pqkit.jobs import dependencies, unique_keys
from pqkit.jobs.spec import RETRIES, Order, Retries
from pqkit.sql import compiled as sql
from pqkit.sql.statement import Statement


class Inserted(NamedTuple):
    """A job's id; ``existing``: the unique key was taken, and this is the job that holds it."""

    id: int
    existing: bool = False


class _Known(NamedTuple):
    """A queue's retry policy, cached until ``until`` (monotonic seconds)."""

    policy: Retries
    until: float


Call = tuple[Order, str]
REMEMBERED = 1.0


class Inserter:
    """Inserts into one database; caches for a second which queues exist and their retry policy."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Known] = {}

    def insert_alone(self, order: Order, text: str) -> Inserted | None:
        """Insert and commit in one statement; None if the database or the order does not allow it."""
        known = self._known.get(order.queue)
        if known is None or time.monotonic() >= known.until or not order.is_simple:
            return None
        job_id = self._database.place_job(order.row(text, self._database.now(), known.policy))
        return None if job_id is None else Inserted(job_id)

    def insert(self, tx: Transaction, order: Order, text: str) -> Inserted:
        if order.is_simple:
            return self._insert_simple(tx, order, text)
        dependencies.refuse_unknown(tx, order)
        policy = self._enter_queue(tx, order.queue)
        while True:
            holder = None if order.unique_key is None else unique_keys.holder(tx, order, text, self._database.now())
            if holder is not None:
                return Inserted(holder, existing=True)
            now = self._database.now()
            job_id = tx.add_job(order.row(text, now, policy))
            if order.unique_key is None or unique_keys.take(tx, order, job_id):
                tx.run(_place_of(order), *order.place(job_id, now))
                _tie(tx, order, [job_id], now)
                return Inserted(job_id)
            tx.run(sql.DELETE_JOB, job_id)  # another transaction has taken the key since the check

    def _insert_simple(self, tx: Transaction, order: Order, text: str) -> Inserted:
        policy, now = self._enter_queue(tx, order.queue), self._database.now()
        job_id = tx.add_job(order.row(text, now, policy))
        tx.run(sql.INSERT_READY, *order.place(job_id, now))
        return Inserted(job_id)

    def insert_many(self, tx: Transaction, order: Order, texts: Sequence[str]) -> list[int]:
        dependencies.refuse_unknown(tx, order)
        policy = self._enter_queue(tx, order.queue)
        if not texts:
            return []
        now = self._database.now()
        ids = tx.add_alike(order.row("", now, policy), texts, _entry_of(order, now))
        _tie(tx, order, ids, now)
        return list(ids)

    def insert_all(self, tx: Transaction, calls: Sequence[Call]) -> list[Inserted]:
        """Insert different calls in order; calls that need no check of other jobs go in together."""
        if len(calls) == 1:
            return [self.insert(tx, *calls[0])]
        if not all(order.is_plain for order, _ in calls):
            return [self.insert(tx, order, text) for order, text in calls]
        policies = {queue: self._enter_queue(tx, queue) for queue in sorted({order.queue for order, _ in calls})}
        now, ids = self._database.now(), tx.next_job_ids(len(calls))
        numbered = list(zip(ids, calls, strict=True))
        tx.run_many(sql.INSERT_JOB_WITH_ID, [(i, *o.row(text, now, policies[o.queue])) for i, (o, text) in numbered])
        for place in (sql.INSERT_READY, sql.INSERT_DELAYED):
            rows = [order.place(i, now) for i, (order, _) in numbered if _place_of(order) is place]
            if rows:
                tx.run_many(place, rows)
        keyed = [(o.queue, o.priority, i) for i, (o, _) in numbered if o.limit_key is not None and o.due_at is None]
        if keyed:
            tx.run_many(sql.MARK_KEY, keyed)
        return [Inserted(i) for i in ids]

    def _enter_queue(self, tx: Transaction, queue: str) -> Retries:
        known = self._known.get(queue)
        if known is not None and time.monotonic() < known.until:
            return known.policy
        row = tx.row(sql.KNOWN_QUEUE, queue)
        if row is None:  # not cached: this transaction may still be rolled back
            tx.run(sql.INSERT_QUEUE, queue, self._database.now())
            return RETRIES
        max_retries, backoff = row
        policy = RETRIES._replace(backoff=backoff) if max_retries is None else Retries(max_retries, backoff)
        self._known[queue] = _Known(policy, time.monotonic() + REMEMBERED)
        return policy


def _tie(tx: Transaction, order: Order, ids: Sequence[int], now: int) -> None:
    """Insert the new jobs' dependencies, or mark their limit key."""
    if order.ties.waits:
        dependencies.enter(tx, order, ids, now)
    else:
        _mark(tx, order, ids)


def _mark(tx: Transaction, order: Order, ids: Sequence[int]) -> None:
    if order.limit_key is not None and order.due_at is None:
        tx.run_many(sql.MARK_KEY, [(order.queue, order.priority, job_id) for job_id in ids])


def _entry_of(order: Order, now: int) -> Alike:
    place = _place_of(order)
    return Alike(place, order.place(0, now), key=2 if place is sql.INSERT_READY else 1)


def _place_of(order: Order) -> Statement:
    return sql.INSERT_READY if order.due_at is None and not order.ties.waits else sql.INSERT_DELAYED
