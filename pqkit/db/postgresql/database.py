"""PostgreSQL as an implementation of the database interface."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import psycopg

from pqkit.db import event_triggers, system_clock
from pqkit.db.base import Database, Durability, Obstacle, Sizes
from pqkit.db.postgresql import scratch_databases, server_errors
from pqkit.db.postgresql.bloat import LOCK_TO_LOOK, compact
from pqkit.db.postgresql.connector import CALM, Opener
from pqkit.db.postgresql.listener import Listener, NotifiedWake
from pqkit.db.postgresql.pool import Kept
from pqkit.db.postgresql.server_health import Health, health, horizon, invalid_indexes
from pqkit.db.postgresql.server_transaction import JoinedTransaction, PostgresTransaction, Write
from pqkit.db.postgresql.single_insert import place_job
from pqkit.db.postgresql.url import read_address
from pqkit.errors import DatabaseUnavailable, ForeignSession
from pqkit.sql.statement import Statement, Values

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlmodel import Session

LOOK = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Tells two databases apart: the server's start, the database, and the table that an unqualified name means there.
IDENTITY = "SELECT pg_postmaster_start_time(), current_database(), to_regclass('job')::oid"
COUNTERS = (
    "SELECT d.refobjid::regclass::text, s.last_value FROM pg_sequences s "
    "JOIN pg_depend d ON d.objid = format('%I.%I', s.schemaname, s.sequencename)::regclass AND d.deptype = 'i' "
    "WHERE s.schemaname = current_schema()"
).replace("%", "%%")
SET_COUNTER = "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, false)"
SERVER = "server"
"""The name of the lease clock: the server's."""
SOONEST, LATEST = 0.002, 0.05


class Made(Sequence[str]):
    """Texts made on demand, while the server works on the previous ones."""

    def __init__(self, made: Callable[[Any], str], values: Sequence[Any]) -> None:
        self._made, self._values = made, values

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        found = self._values[at]
        return [self._made(value) for value in found] if isinstance(at, slice) else self._made(found)


class PostgresDatabase(Database):
    """A PostgreSQL database; only the server's clock decides about leases and due times.

    Claims take row locks and skip rows that other claims have locked.
    """

    looking = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}  # noqa: RUF012 - never changed
    recording = event_triggers.ON_POSTGRESQL
    tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
    ids_have_gaps = True
    places_alone = True

    def __init__(self, url: str, durability: Durability = "full") -> None:
        address = read_address(url)
        super().__init__(address.name, url, durability)
        self._opener = Opener(address, durability)
        self._listener = Listener(self._opener)
        self.kept = Kept(self._opener)

    @property
    def pooled(self) -> bool:
        """True if a pooler such as PgBouncer was last seen between this process and the server."""
        return self._opener.pooled

    def write(self) -> Write:
        return Write(self)

    def place_job(self, row: Values) -> int | None:
        with self.in_words():
            return place_job(self, row)

    @contextmanager
    def look(self) -> "Iterator[Connection]":
        with super().look() as connection:
            connection.exec_driver_sql(LOCK_TO_LOOK)
            yield connection

    def compact(self) -> list[str]:
        return compact(self)

    @contextmanager
    def read(self) -> Iterator[PostgresTransaction]:
        with self.in_words():
            connection = self.kept.begin(LOOK)
            try:
                yield PostgresTransaction(connection.cursor(), self.hooked)
            finally:
                self._end_look(connection)

    def each(self, made: Callable[[Any], str], values: Sequence[Any]) -> Sequence[str]:
        return Made(made, values)

    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        """Query without a transaction: one statement reads one snapshot anyway."""
        with self.in_words():
            return self.kept.ask(statement.postgresql.text, statement.postgresql.bind(values))

    def write_one(self, statement: Statement, *values: Any) -> int:
        with self.in_words():
            return self.kept.run(statement.postgresql.text, statement.postgresql.bind(values))

    def _end_look(self, connection: Any) -> None:
        try:
            if not connection.closed:
                connection.pgconn.exec_(b"ROLLBACK")  # psycopg's own deallocates prepared statements
        finally:
            self.kept.put(connection)

    def join(self, session: "Session") -> JoinedTransaction:
        sqlalchemy = session.connection()
        connection = sqlalchemy.connection.driver_connection
        if not isinstance(connection, psycopg.Connection):
            raise ForeignSession("session= must be on the queue's own engine (queue.engine), which psycopg drives")
        if sqlalchemy.engine is not self._engine:
            theirs = connection.execute(IDENTITY).fetchone()
            if theirs != self._ask(IDENTITY):
                raise ForeignSession(f"session= is on another database or schema than the queue's {self.name}")
        return JoinedTransaction(connection.cursor(), self.hooked)

    def now(self) -> int:
        """The server's clock, read occasionally and advanced by this machine's monotonic clock."""
        known = self._opener.clock
        if not known.fresh:
            try:
                self._ask_clock()
            except DatabaseUnavailable:
                if not known.carry_on():
                    raise
        return known.now()

    def lease_clock(self) -> tuple[str, int]:
        """The server's clock, read now: a lease must not depend on this machine's clock."""
        return SERVER, self._ask_clock()

    def lease_moment(self) -> tuple[str, int | None]:
        return SERVER, None

    def machine_clock(self) -> int:
        return system_clock.steady()

    def wake(self) -> NotifiedWake:
        return NotifiedWake(self._listener)

    def data_version(self) -> int:
        """The number of times that new work was announced to this process."""
        return self._listener.heard

    @contextmanager
    def listen(self) -> Iterator[Callable[[float], None]]:
        """Sleep with growing pauses: a job's end is not announced, as each NOTIFY costs the server."""
        pause = SOONEST

        def wait(seconds: float) -> None:
            nonlocal pause
            time.sleep(min(pause, seconds))
            pause = min(1.5 * pause, LATEST)

        yield wait

    def refuse_bad_place(self) -> None:
        """Do nothing: a server looks after its own storage."""

    def exists(self) -> bool:
        self._ask("SELECT 1")
        return True

    def create(self) -> None:
        """Do nothing: an operator creates the database on the server; a missing one is an error."""

    @contextmanager
    def change_schema(self) -> "Iterator[Connection]":
        with self.engine.begin() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('pqkit schema'))")
            yield connection

    def backup(self, target: Path) -> bool:  # noqa: ARG002 - its rows are copied, table by table
        return False

    def make_scratch(self, folder: Path) -> str:  # noqa: ARG002 - for databases that are files
        return scratch_databases.create(self.url)

    def drop_scratch(self, url: str) -> None:
        scratch_databases.drop(self.url, url)

    def counters(self, connection: "Connection") -> dict[str, int]:
        return {table: last or 0 for table, last in connection.exec_driver_sql(COUNTERS)}

    def set_counter(self, connection: "Connection", table: str, last: int) -> None:
        connection.exec_driver_sql(SET_COUNTER, (table, last + 1))

    def integrity(self) -> list[str]:
        with self.read() as tx:
            return invalid_indexes(tx.cursor)

    def sizes(self) -> Sizes:
        return Sizes(int(self._ask("SELECT pg_database_size(current_database())")[0]), None, None)

    def software(self) -> str:
        return f"PostgreSQL {self._ask('SHOW server_version')[0].split()[0]}"

    def triggers(self, *, on: bool) -> list[str]:
        return event_triggers.begin_on_postgresql() if on else event_triggers.end_on_postgresql()

    def settled(self, connection: "Connection") -> int:
        question = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        return int(connection.exec_driver_sql(question).scalar_one())

    def replaced(self) -> bool:
        """False: a server has no file that could be moved away under a worker."""
        return False

    def obstacle(self) -> Obstacle | None:
        with self.read() as tx:
            found = horizon(tx.cursor)
        return None if found is None else Obstacle(found.words, fatal=False, mend=found.mend)

    def health(self) -> Health:
        """The server's health, as far as a queue depends on it."""
        with self.read() as tx:
            return health(tx.cursor)

    def is_unavailable(self, error: object) -> bool:
        return server_errors.is_unavailable(error)

    def say(self, error: BaseException) -> str:
        return server_errors.in_one_line(error)

    def give_up(self) -> None:
        self.kept.give_up()

    def close(self) -> None:
        self.kept.close()
        super().close()

    def _make_engine(self) -> "Engine":
        from sqlalchemy import create_engine, event  # noqa: PLC0415 - see Database.session

        engine = create_engine(
            "postgresql+psycopg://",
            creator=self._open_for_engine,
            pool_pre_ping=True,
            max_overflow=-1,
            hide_parameters=True,  # an error would show them
        )

        @event.listens_for(engine, "begin")
        def begun(connection: "Connection") -> None:
            settings = self._opener.of_transaction(CALM)
            if settings:
                connection.exec_driver_sql(settings)

        return engine

    def _open_for_engine(self) -> Any:
        connection = self._opener.open(CALM)
        connection.autocommit = False
        return connection

    def _ask(self, question: str) -> Any:
        with self.in_words():
            return self.kept.ask(question)[0]

    def _ask_clock(self) -> int:
        with self.in_words():
            return self.kept.ask_clock()
