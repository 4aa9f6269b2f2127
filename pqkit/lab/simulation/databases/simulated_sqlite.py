"""SQLite on a simulated machine."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pqkit.db import schema
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.db.sqlite.write_transaction import Write
from pqkit.db.transaction import SqliteTransaction, Transaction
from pqkit.lab.simulation.databases.base import Gapped, SimulatedDatabase
from pqkit.models import metadata

if TYPE_CHECKING:
    from sqlmodel import Session


class GappedSqlite(Gapped, SqliteTransaction):
    __slots__ = ("gap",)
    begin = "BEGIN IMMEDIATE"

    def __init__(self, honest: Transaction, gap: Callable[[bool], None]) -> None:
        super().__init__(honest.cursor, honest.hooked)
        self.gap = gap


class SimulatedSqlite(SimulatedDatabase, SqliteDatabase):
    """A file that is never synced."""

    def __init__(self, path: Path) -> None:
        SqliteDatabase.__init__(self, path, "normal")
        schema.ensure(self)
        self.connection().execute("CREATE TABLE effect (job_id INTEGER, attempt INTEGER)")

    def open(self) -> Any:
        connection = super().open()
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    def empty(self) -> None:
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        for name in [*(table.name for table in reversed(metadata.sorted_tables)), "effect", "sqlite_sequence"]:
            connection.execute(f"DELETE FROM {name}")  # noqa: S608 - names of our own tables
        connection.execute("COMMIT")
        self.clock_noted = None

    def ask(self, text: str, *values: object) -> list[Any]:
        rows: list[Any] = self.connection().execute(text, values).fetchall()
        return rows

    def write(self) -> Write:
        return _WriteWithGaps(self)

    def join(self, session: "Session") -> SqliteTransaction:
        return GappedSqlite(super().join(session), self.gap)


class _WriteWithGaps(Write):
    """A transaction with gaps: others may act before it begins.

    Its process may die right before and right after it.
    """

    __slots__ = ("_gap",)

    def __init__(self, database: SimulatedSqlite) -> None:
        super().__init__(database)
        self._gap = database.gap

    def __enter__(self) -> SqliteTransaction:
        self._gap(True)
        return GappedSqlite(super().__enter__(), self._gap)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            self._gap(False)
