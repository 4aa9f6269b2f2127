"""Statements inside an open transaction."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from pqkit.db.hook_subscriptions import Hooked
from pqkit.sql.compiled import INSERT_JOB, INSERT_JOB_WITH_ID
from pqkit.sql.statement import Statement, Values

ARGS = 3
"""Where ``INSERT_JOB_WITH_ID`` takes the arguments."""


class Alike(NamedTuple):
    """Rows for one statement that are all like ``row``, but for the job's id at the place ``key``."""

    statement: Statement
    row: Values
    key: int = 0


class Transaction(ABC):
    """Statements inside one open transaction, over the driver's cursor. Values are tuples in declared order. ``hooked``
    says which ends are to be told."""

    __slots__ = ("cursor", "hooked")

    def __init__(self, cursor: Any, hooked: Hooked) -> None:
        self.cursor, self.hooked = cursor, hooked

    @abstractmethod
    def run(self, statement: Statement, *values: Any) -> int:
        """Execute once; the number of rows changed."""

    @abstractmethod
    def run_many(self, statement: Statement, rows: Iterable[Values]) -> int:
        """Execute for each row of values; the number of rows changed in all."""

    def add_job(self, job: Values) -> int:
        """Insert a row of ``job``; its id."""
        job_id: int = self.row(INSERT_JOB, *job)[0]
        return job_id

    def add_alike(self, job: Values, texts: Sequence[str], entry: Alike) -> Sequence[int]:
        """Insert jobs with these arguments that are all like ``job`` otherwise, and an entry for each; their ids."""
        ids = self.next_job_ids(len(texts))
        for alike, own in ((Alike(INSERT_JOB_WITH_ID, (None, *job)), {0: ids, ARGS: texts}), (entry, {entry.key: ids})):
            columns = (own.get(place, repeat(value)) for place, value in enumerate(alike.row))
            self.run_many(alike.statement, zip(*columns, strict=False))
        return ids

    @abstractmethod
    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        """All rows of the answer."""

    def row(self, statement: Statement, *values: Any) -> Any:
        """The first row, or None."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    @abstractmethod
    def next_job_ids(self, count: int) -> Sequence[int]:
        """Ids for ``count`` jobs that this transaction inserts, in order; nobody else gets them."""


class SqliteTransaction(Transaction):
    """On SQLite it holds the write lock, or sees one state of the database."""

    __slots__ = ()

    def add_job(self, job: Values) -> int:
        """The driver knows the id, and SQLite need not keep rows to return."""
        job_id: int = self.cursor.execute(INSERT_JOB_WITH_ID.sqlite.text, (None, *job)).lastrowid
        return job_id

    def run(self, statement: Statement, *values: Any) -> int:
        sql = statement.sqlite
        changed: int = self.cursor.execute(sql.text, values if sql.is_in_order else sql.bind(values)).rowcount
        return changed

    def run_many(self, statement: Statement, rows: Iterable[Values]) -> int:
        sql = statement.sqlite
        return int(self.cursor.executemany(sql.text, sql.bind_all(rows)).rowcount)

    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        sql = statement.sqlite
        values = values if sql.is_in_order else sql.bind(values)
        found: list[Any] = self.cursor.execute(sql.text, values).fetchall()
        return found

    def next_job_ids(self, count: int) -> range:
        """It holds the write lock, so nobody else takes them."""
        self.cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'job'")
        last = self.cursor.fetchone()
        first = (last[0] if last else 0) + 1
        return range(first, first + count)
