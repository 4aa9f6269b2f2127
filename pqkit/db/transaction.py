"""Statements inside an open transaction."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pqkit.sql import Statement, Values

if TYPE_CHECKING:
    from pqkit.db.engine import Database


class Transaction:
    """Statements inside one open transaction, over the driver's cursor. Values are tuples in declared order."""

    __slots__ = ("_cursor", "_database")

    def __init__(self, database: "Database", cursor: Any) -> None:
        self._database, self._cursor = database, cursor

    def run(self, statement: Statement, *values: Any) -> int:
        """Execute once; the number of rows changed."""
        compiled = self._database.compiled(statement)
        return int(self._cursor.execute(compiled.text, compiled.bind(values)).rowcount)

    def run_many(self, statement: Statement, rows: Iterable[Values]) -> int:
        """Execute once per row of values; the number of rows changed in all."""
        compiled = self._database.compiled(statement)
        return int(self._cursor.executemany(compiled.text, compiled.bind_all(rows)).rowcount)

    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        compiled = self._database.compiled(statement)
        found: list[Any] = self._cursor.execute(compiled.text, compiled.bind(values)).fetchall()
        return found

    def row(self, statement: Statement, *values: Any) -> Any:
        """The first row, or None."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def next_job_ids(self, count: int) -> range:
        """Ids for ``count`` jobs that this transaction inserts; it holds the write lock, so nobody else takes them."""
        self._cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = 'job'")
        last = self._cursor.fetchone()
        first = (last[0] if last else 0) + 1
        return range(first, first + count)
