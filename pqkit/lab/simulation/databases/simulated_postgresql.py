"""PostgreSQL on a simulated machine: the server's clock decides, not the workers' clocks."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pqkit.db import schema
from pqkit.db.postgresql.database import PostgresDatabase
from pqkit.db.postgresql.server_transaction import JoinedTransaction, PostgresTransaction, Write
from pqkit.db.transaction import Transaction
from pqkit.lab.simulation.clocks import ServerClocks
from pqkit.lab.simulation.databases.base import Gapped, SimulatedDatabase
from pqkit.models import metadata

if TYPE_CHECKING:
    from sqlmodel import Session


class GappedPostgres(Gapped, JoinedTransaction):
    __slots__ = ("gap",)
    begin = "BEGIN"

    def __init__(self, honest: Transaction, gap: Callable[[bool], None]) -> None:
        super().__init__(honest.cursor, honest.hooked)
        self.gap = gap

    def _has_placed(self) -> None:
        """Send no notification: no process waits for one."""


class SimulatedPostgres(SimulatedDatabase, PostgresDatabase):
    """A database that does not wait until its commits are on disk."""

    new_machine = ServerClocks

    def __init__(self, url: str) -> None:
        PostgresDatabase.__init__(self, url, "normal")
        schema.ensure(self)
        self._run("CREATE TABLE effect (job_id BIGINT, attempt INTEGER)")

    def empty(self) -> None:
        for name in [*(table.name for table in reversed(metadata.sorted_tables)), "effect"]:
            self._run(f"DELETE FROM {name}")  # noqa: S608 - names of our own tables
        self._run("SELECT setval(pg_get_serial_sequence('job', 'id'), 1, false)")

    def ask(self, text: str, *values: object) -> list[Any]:
        with self.read() as tx:
            rows: list[Any] = tx.cursor.execute(text.replace("?", "%s"), values).fetchall()
        return rows

    def write(self) -> Write:
        return _WriteWithGaps(self)

    def join(self, session: "Session") -> JoinedTransaction:
        return GappedPostgres(super().join(session), self.gap)

    def _run(self, text: str) -> None:
        with Write(self) as tx:
            tx.cursor.execute(text)


class _WriteWithGaps(Write):
    """A transaction with gaps: others may act before it begins.

    Its process may die right before and right after it.
    """

    __slots__ = ("_gap",)

    def __init__(self, database: SimulatedPostgres) -> None:
        super().__init__(database)
        self._gap = database.gap

    def __enter__(self) -> PostgresTransaction:
        self._gap(True)
        self._tx = GappedPostgres(super().__enter__(), self._gap)
        return self._tx

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            self._gap(False)
