"""Putting jobs into the tables: one, many of a kind, or different ones together."""

from collections.abc import Sequence
from typing import NamedTuple

from pqkit.db import Database, Transaction
from pqkit.queue.order import Order
from pqkit.sql import compiled as sql
from pqkit.sql.text import Statement


class Inserted(NamedTuple):
    """A job's id; ``existing`` where its unique key was taken and this is the job that has it."""

    id: int
    existing: bool = False


Call = tuple[Order, str]


class Inserter:
    """Inserts into one database. It remembers which queues are known, so it must be told what was committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: set[str] = set()

    def insert(self, tx: Transaction, order: Order, text: str) -> Inserted:
        self._enter_queue(tx, order.queue)
        while True:
            holder = _holder(tx, order)
            if holder is not None:
                return Inserted(holder, existing=True)
            now = self._database.now()
            job_id: int = tx.row(sql.INSERT_JOB, *order.row(text, now))[0]
            if order.unique_key is None or tx.run(sql.INSERT_HOLD, order.queue, order.unique_key, job_id):
                tx.run(_place_of(order), *order.place(job_id, now))
                return Inserted(job_id)
            tx.run(sql.DELETE_JOB, job_id)  # another transaction took the key since the look

    def insert_many(self, tx: Transaction, order: Order, texts: Sequence[str]) -> list[int]:
        self._enter_queue(tx, order.queue)
        now = self._database.now()
        ids, row = tx.next_job_ids(len(texts)), order.row("", now)
        before, after = row[:2], row[3:]
        tx.run_many(sql.INSERT_JOB_WITH_ID, [(i, *before, text, *after) for i, text in zip(ids, texts, strict=True)])
        tx.run_many(_place_of(order), [order.place(job_id, now) for job_id in ids])
        return list(ids)

    def insert_all(self, tx: Transaction, calls: Sequence[Call]) -> list[Inserted]:
        """Different calls, in their order; those that need no look before go in together."""
        if len(calls) == 1 or any(order.unique_key is not None for order, _ in calls):
            return [self.insert(tx, order, text) for order, text in calls]
        for queue in sorted({order.queue for order, _ in calls}):
            self._enter_queue(tx, queue)
        now, ids = self._database.now(), tx.next_job_ids(len(calls))
        numbered = list(zip(ids, calls, strict=True))
        tx.run_many(sql.INSERT_JOB_WITH_ID, [(i, *order.row(text, now)) for i, (order, text) in numbered])
        for place in (sql.INSERT_READY, sql.INSERT_DELAYED):
            rows = [order.place(i, now) for i, (order, _) in numbered if _place_of(order) is place]
            if rows:
                tx.run_many(place, rows)
        return [Inserted(i) for i in ids]

    def committed(self, calls: Sequence[Call]) -> None:
        """These are on disk: their queues need no look any more."""
        for order, _ in calls:
            self._known.add(order.queue)

    def _enter_queue(self, tx: Transaction, queue: str) -> None:
        if queue not in self._known and tx.row(sql.KNOWN_QUEUE, queue) is None:
            tx.run(sql.INSERT_QUEUE, queue, self._database.now())


def _holder(tx: Transaction, order: Order) -> int | None:
    """The unfinished job that has the order's unique key."""
    row = order.unique_key and tx.row(sql.HOLDER, order.queue, order.unique_key)
    return row[0] if row else None


def _place_of(order: Order) -> Statement:
    return sql.INSERT_READY if order.due_at is None else sql.INSERT_DELAYED
