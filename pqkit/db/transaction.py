"""Statements inside an open transaction."""

from collections.abc import Iterable
from typing import Any

from pqkit.sql.text import Statement, Values


class Transaction:
    """Statements inside one open transaction, over the driver's cursor. Values are tuples in declared order."""

    __slots__ = ("cursor",)

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor

    def run(self, statement: Statement, *values: Any) -> int:
        """Execute once; the number of rows changed."""
        sql = statement.sqlite
        return int(self.cursor.execute(sql.text, sql.bind(values)).rowcount)

    def run_many(self, statement: Statement, rows: Iterable[Values]) -> int:
        """Execute once per row of values; the number of rows changed in all."""
        sql = statement.sqlite
        return int(self.cursor.executemany(sql.text, sql.bind_all(rows)).rowcount)

    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        sql = statement.sqlite
        found: list[Any] = self.cursor.execute(sql.text, sql.bind(values)).fetchall()
        return found

    def row(self, statement: Statement, *values: Any) -> Any:
        """The first row, or None."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def next_job_ids(self, count: int) -> range:
        """Ids for ``count`` jobs that this transaction inserts; it holds the write lock, so nobody else takes them."""
        self.cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'job'")
        last = self.cursor.fetchone()
        first = (last[0] if last else 0) + 1
        return range(first, first + count)
