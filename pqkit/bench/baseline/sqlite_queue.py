"""The raw queue on SQLite."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pqkit.bench.baseline.raw_queue import ARGS, Raw
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.db.sqlite.driver import is_busy, sqlite

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
_SHORT = 0.00005


class RawSqlite(Raw):
    """A raw queue in a file of its own, which is deleted on close."""

    batch = 100

    def __init__(self, database: SqliteDatabase, *, made: bool) -> None:
        self._path, self._made = database.path, made
        if not made:
            new = sqlite.connect(str(self._path))
            new.execute("PRAGMA journal_mode=WAL")
            new.close()
        self._database = database
        self._connection = self._database.connection()
        for statement in () if made else _TABLES:
            self._connection.execute(statement)
        self._seen = 0

    def insert(self) -> None:
        self._run(_INSERT, ARGS)

    def fill(self, texts: Iterator[str]) -> None:
        with self._transaction():
            self._connection.executemany(_INSERT, ((text,) for text in texts))

    def claim(self) -> list[Any]:
        self._seen = self._version()
        return self._run(_CLAIM, 1)

    def finish(self, job_id: int) -> None:
        self._run(_FINISH, job_id)

    def exchange(self, done: Sequence[int], batch: int) -> list[Any]:
        with self._transaction():
            self._run(_FINISH_MANY, json.dumps(done))
            return self._run(_CLAIM, batch)

    def wait(self) -> None:
        while self._version() == self._seen:
            time.sleep(_SHORT)

    def close(self) -> None:
        self._database.close()
        if not self._made:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _version(self) -> int:
        return int(self._run("PRAGMA data_version")[0][0])

    def _run(self, statement: str, *values: object) -> list[Any]:
        while True:
            try:
                found: list[Any] = self._connection.execute(statement, values).fetchall()
            except sqlite.OperationalError as error:
                if not is_busy(error):
                    raise
                time.sleep(_SHORT)  # the other process of a hand-over still holds the lock
            else:
                return found

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        yield
        self._connection.execute("COMMIT")
