"""The raw queue on PostgreSQL."""

from collections.abc import Iterator, Sequence
from typing import Any

from pqkit.bench.baseline.raw_queue import ARGS, Raw
from pqkit.db.base import Durability
from pqkit.db.postgresql.connector import HOT, Opener
from pqkit.db.postgresql.url import read_address

_TABLES = (
    "CREATE TABLE item (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, state smallint DEFAULT 0, args jsonb)",
    "CREATE INDEX item_waiting ON item (id) WHERE state = 0",
)
_NEWS = "item_news"
_INSERT = "INSERT INTO item (args) VALUES (%s)"
_COPY = "COPY item (args) FROM STDIN"
_CLAIM = (
    "UPDATE item SET state = 1 WHERE id = ANY (ARRAY(SELECT id FROM item WHERE state = 0 ORDER BY id LIMIT %s "
    "FOR UPDATE SKIP LOCKED)) RETURNING id, args"
)
_FINISH = "UPDATE item SET state = 2 WHERE id = ANY (%s) AND state = 1"
_PATIENCE = 1.0


class RawPostgres(Raw):
    """A raw queue in the only table of a database."""

    batch = 1_000

    def __init__(self, url: str, durability: Durability, *, made: bool) -> None:
        self._connection = Opener(read_address(url), durability).open(HOT)
        self._connection.prepare_threshold, self._made = 0, made
        self._listening = False
        for statement in () if made else _TABLES:
            self._connection.execute(statement)

    def insert(self) -> None:
        self._connection.execute(_INSERT, (ARGS,))

    def send(self) -> None:
        with self._connection.pipeline(), self._connection.transaction():
            self.insert()
            self._connection.execute(f"NOTIFY {_NEWS}")

    def fill(self, texts: Iterator[str]) -> None:
        with self._connection.cursor().copy(_COPY) as copy:
            for text in texts:
                copy.write_row((text,))

    def claim(self) -> list[Any]:
        return self._connection.execute(_CLAIM, (1,)).fetchall()

    def finish(self, job_id: int) -> None:
        self._connection.execute(_FINISH, ([job_id],))

    def exchange(self, done: Sequence[int], batch: int) -> list[Any]:
        with self._connection.pipeline(), self._connection.transaction():
            self._connection.execute(_FINISH, (list(done),))
            claimed = self._connection.execute(_CLAIM, (batch,))
        return claimed.fetchall()

    def wait(self) -> None:
        if not self._listening:
            self._connection.execute(f"LISTEN {_NEWS}")
            self._listening = True
            return  # so that the caller looks for earlier jobs
        for _ in self._connection.notifies(timeout=_PATIENCE, stop_after=1):
            pass

    def close(self) -> None:
        if not self._made:
            self._connection.execute("DROP TABLE item")
        self._connection.close()
