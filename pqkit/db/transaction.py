"""Statements inside an open transaction."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from pqkit.db.hook_subscriptions import Hooked
from pqkit.sql.compiled import INSERT_JOB, INSERT_JOB_WITH_ID
from pqkit.sql.statement import Statement, Values

ARGS = 3
"""The position of the arguments among the values of ``INSERT_JOB_WITH_ID``."""


class Alike(NamedTuple):
    """Rows for one statement that differ from ``row`` only in the job's id at position ``key``."""

    statement: Statement
    row: Values
    key: int = 0


class Transaction(ABC):
    """Statements inside one open transaction, on the driver's cursor.

    Values are tuples in declared order. ``hooked`` says which ends call hooks.
    """

    __slots__ = ("cursor", "hooked")

    def __init__(self, cursor: Any, hooked: Hooked) -> None:
        self.cursor, self.hooked = cursor, hooked

    @abstractmethod
    def run(self, statement: Statement, *values: Any) -> int:
        """Execute once; return the number of rows changed."""

    @abstractmethod
    def run_many(self, statement: Statement, rows: Iterable[Values]) -> int:
        """Execute for each row of values; return the total number of rows changed."""

    def add_job(self, job: Values) -> int:
        """Insert a row of ``job``; return its id."""
        job_id: int = self.row(INSERT_JOB, *job)[0]
        return job_id

    def add_alike(self, job: Values, texts: Sequence[str], entry: Alike) -> Sequence[int]:
        """Insert jobs that differ from ``job`` only in their arguments ``texts``; return their ids.

        Each job gets a row like ``entry`` too.
        """
        ids = self.next_job_ids(len(texts))
        for alike, own in ((Alike(INSERT_JOB_WITH_ID, (None, *job)), {0: ids, ARGS: texts}), (entry, {entry.key: ids})):
            columns = (own.get(place, repeat(value)) for place, value in enumerate(alike.row))
            self.run_many(alike.statement, zip(*columns, strict=False))
        return ids

    @abstractmethod
    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        """All rows of the result."""

    def row(self, statement: Statement, *values: Any) -> Any:
        """The first row, or None."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    @abstractmethod
    def next_job_ids(self, count: int) -> Sequence[int]:
        """Ids for ``count`` jobs of this transaction, in order; no other transaction gets them."""


class SqliteTransaction(Transaction):
    """A transaction on SQLite: it holds the write lock, or reads one snapshot."""

    __slots__ = ()

    def add_job(self, job: Values) -> int:
        """Take the id from the driver, so that SQLite need not return rows."""
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
        """The ids after the last one used: the write lock keeps other transactions from them."""
        self.cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'job'")
        last = self.cursor.fetchone()
        first = (last[0] if last else 0) + 1
        return range(first, first + count)
