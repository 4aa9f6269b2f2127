"""The yardstick for speed: what the bare driver reaches with the least SQL that a queue needs.

One table and one partial index, on a kept connection with the settings of pqkit's own.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from pqkit.db.connect import connect
from pqkit.db.database import Durability
from pqkit.db.driver import sqlite
from pqkit.db.sqlite import SqliteDatabase

_TABLES = (
    "CREATE TABLE item (id INTEGER PRIMARY KEY, state INTEGER NOT NULL DEFAULT 0, args TEXT NOT NULL)",
    "CREATE INDEX item_waiting ON item (id) WHERE state = 0",
)
_INSERT = "INSERT INTO item (args) VALUES (?)"
_CLAIM = (
    "UPDATE item SET state = 1 WHERE id IN (SELECT id FROM item WHERE state = 0 ORDER BY id LIMIT ?) RETURNING id, args"
)
_FINISH = "UPDATE item SET state = 2 WHERE id = ? AND state = 1"
_FINISH_MANY = "UPDATE item SET state = 2 WHERE id IN (SELECT value FROM json_each(?)) AND state = 1"


class Yardstick:
    """A raw queue in a database of its own, made anew by each instance. Every rate is in jobs per second."""

    def __init__(self, url: str, durability: Durability, args: str = '{"n":123}') -> None:
        self._args = args
        database = connect(url, durability)
        assert isinstance(database, SqliteDatabase)
        self._path = database.path
        made = sqlite.connect(str(self._path))
        made.execute("PRAGMA journal_mode=WAL")
        made.close()
        self._database = database
        self._connection = self._database.connection()
        for statement in _TABLES:
            self._connection.execute(statement)

    def insert_one(self, seconds: float) -> float:
        """One insert after the other, each its own commit."""
        return rate(lambda: self._run(_INSERT, self._args), seconds)

    def insert_many(self, jobs: int) -> float:
        """So many inserts in one transaction, their arguments encoded on the way."""
        begun = time.perf_counter()
        with self._transaction():
            self._connection.executemany(_INSERT, ((json.dumps({"n": n}),) for n in range(jobs)))
        return jobs / (time.perf_counter() - begun)

    def drain_one(self, jobs: int, seconds: float) -> float:
        """Claim one job in a transaction, finish it in the next."""
        self._fill(jobs)
        return _rate_of(self._claims_one_by_one(), seconds)

    def drain(self, jobs: int, batch: int, seconds: float) -> float:
        """Finish the last batch and claim the next, in one transaction."""
        self._fill(jobs)
        return _rate_of(self._exchanges(batch), seconds)

    def mixed(self, batch: int, seconds: float) -> float:
        """Insert a batch one by one, then drain it by one exchange, over and over."""
        exchanges = self._exchanges(batch)

        def turn() -> int:
            for _ in range(batch):
                self._run(_INSERT, self._args)
            return next(exchanges)

        return _rate_of(iter(turn, -1), seconds)

    def close(self) -> None:
        self._database.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fill(self, jobs: int) -> None:
        with self._transaction():
            self._connection.executemany(_INSERT, ((self._args,) for _ in range(jobs)))

    def _claims_one_by_one(self) -> Iterator[int]:
        while found := self._run(_CLAIM, 1):
            json.loads(found[0][1])
            self._run(_FINISH, found[0][0])
            yield 1

    def _exchanges(self, batch: int) -> Iterator[int]:
        """How many jobs each exchange has claimed; it ends where nothing is left."""
        found: list[Any] = []
        while True:
            with self._transaction():
                self._run(_FINISH_MANY, json.dumps([job_id for job_id, _ in found]))
                found = self._run(_CLAIM, batch)
            for _, args in found:
                json.loads(args)
            if not found:
                return
            yield len(found)

    def _run(self, statement: str, *values: object) -> list[Any]:
        found: list[Any] = self._connection.execute(statement, values).fetchall()
        return found

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        yield
        self._connection.execute("COMMIT")


def rate(step: Callable[[], object], seconds: float) -> float:
    """How often a second ``step`` is done, one after the other for so many seconds."""
    begun, done = time.perf_counter(), 0
    while (taken := time.perf_counter() - begun) < seconds:
        step()
        done += 1
    return done / taken


def _rate_of(steps: Iterator[int], seconds: float) -> float:
    """Jobs per second of steps that say how many they did, until they end or the time is over."""
    begun, done = time.perf_counter(), 0
    for jobs in steps:
        done += jobs
        if time.perf_counter() - begun >= seconds:
            break
    return done / (time.perf_counter() - begun)
