"""The database interface: every method behaves the same on SQLite and on PostgreSQL."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pqkit.db import fork_safety
from pqkit.db.hook_subscriptions import Hooked
from pqkit.db.sqlite.commit_watcher import Wake
from pqkit.db.transaction import Transaction
from pqkit.errors import DatabaseUnavailable
from pqkit.sql.statement import Statement, Values

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlmodel import Session

Durability = Literal["full", "normal"]


class Obstacle(NamedTuple):
    """A process that holds up all others, in ``words``, and what ends it (``mend``).

    ``fatal`` is true if no process can write until then.
    """

    words: str
    fatal: bool
    mend: str


class Sizes(NamedTuple):
    """Bytes of the database, of its write-ahead log, and free on its disk; None if unknown."""

    database: int | None
    log: int | None
    free: int | None


class Database(fork_safety.AtFork, ABC):
    """One database. ``name`` is for messages and has no secrets; ``url`` opens it again.

    The hot path runs on pooled driver connections; the engine serves operators' queries and sessions.
    """

    looking: ClassVar[dict[str, Any]]
    """SQLAlchemy execution options for a read-only transaction on one snapshot."""
    tables: ClassVar[str]
    """The query for the names of the tables."""
    recording: ClassVar[str]
    """A query whose result is not 0 while events are recorded."""
    ids_have_gaps: ClassVar[bool]
    """True if the database may skip ids, so that a missing id need not be a deleted job."""
    places_alone: ClassVar[bool] = False
    """True if ``place_job`` is supported; if not, callers prepare no row for it."""

    def __init__(self, name: str, url: str, durability: Durability) -> None:
        self.name, self.url, self.durability = name, url, durability
        self._engine: Engine | None = None
        self._mutex = threading.Lock()
        self.hooked = Hooked()
        self.join_forks()

    @property
    def engine(self) -> "Engine":
        """The engine for operators' queries and sessions; the hot path never creates it."""
        fork_safety.notice()
        with self._mutex:
            if self._engine is None:
                self._engine = self._make_engine()
            return self._engine

    def in_child(self) -> None:
        """Drop the engine without closing its connections: they belong to the parent."""
        fork_safety.keep_for_ever(self._engine)
        self._engine, self._mutex = None, threading.Lock()

    @contextmanager
    def look(self) -> "Iterator[Connection]":
        """A read-only SQLAlchemy connection."""
        with self.in_words(), self.engine.connect().execution_options(**self.looking) as connection:
            yield connection

    def session(self) -> "Session":
        """A SQLModel session; on SQLite its first statement takes the write lock."""
        from sqlmodel import Session  # noqa: PLC0415 - a third of a worker's start, for workers that never open one

        return Session(self.engine)

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Raise DatabaseUnavailable, in one line, for errors of the database itself."""
        try:
            yield
        except Exception as error:
            cause = getattr(error, "orig", error)
            if self.is_unavailable(cause):
                raise DatabaseUnavailable(f"{self.name}: {self.say(cause)}") from error
            raise

    def say(self, error: BaseException) -> str:
        """The driver's error in one line."""
        return " ".join(str(error).split())

    @abstractmethod
    def is_unavailable(self, error: object) -> bool:
        """True if the database is in trouble, rather than the statement wrong."""

    @abstractmethod
    def write(self) -> AbstractContextManager[Transaction]:
        """``with database.write() as tx``: one write transaction, committed or rolled back."""

    def place_job(self, row: Values) -> int | None:  # noqa: ARG002 - for databases that can
        """Commit a new row of ``job`` and its row in ``ready`` in one statement; return the id.

        None if the caller must use a transaction. As after ``write``, DatabaseUnavailable may leave open whether the
        job was committed.
        """
        return None

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """A read transaction on one snapshot, without the write lock."""

    def each(self, made: Callable[[Any], str], values: Sequence[Any]) -> Sequence[str]:
        """The texts ``made`` of each value, ready before a transaction holds up other writers."""
        return [made(value) for value in values]

    def row(self, statement: Statement, *values: Any) -> Any:
        """The first row of a query outside a transaction, or None; the cheapest form of query."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        """All rows of a query outside a transaction."""
        with self.read() as tx:
            return tx.rows(statement, *values)

    def write_one(self, statement: Statement, *values: Any) -> int:
        """Execute and commit one statement; return the number of rows changed.

        The statement must be idempotent: it is sent again if the connection breaks before the answer.
        """
        with self.write() as tx:
            return tx.run(statement, *values)

    @abstractmethod
    def join(self, session: "Session") -> Transaction:
        """Join the caller's transaction. Raises ForeignSession if it is on another database."""

    @abstractmethod
    def now(self) -> int:
        """Microseconds since 1970 UTC for due times and history; the machine's or server's clock."""

    @abstractmethod
    def lease_clock(self) -> tuple[str, int]:
        """(clock, microseconds): two readings compare only if the first parts are equal."""

    def lease_moment(self) -> tuple[str, int | None]:
        """``lease_clock`` as a parameter of a statement.

        None lets the server read its clock while it executes the statement, which saves a round trip.
        """
        return self.lease_clock()

    def machine_clock(self) -> int | None:
        """This machine's monotonic clock in microseconds, if leases are judged by another clock.

        It cannot be set, and stands still while the machine is suspended.
        """
        return None

    @abstractmethod
    def wake(self) -> Wake:
        """A ``Wake`` that wakes a waiting thread when there may be new work; the caller closes it."""

    @abstractmethod
    def listen(self) -> AbstractContextManager[Callable[[float], None]]:
        """A function that waits at most its argument in seconds for a change, such as a job's end."""

    @abstractmethod
    def refuse_bad_place(self) -> None:
        """Raise UnsupportedUrl for a location where a database would break."""

    @abstractmethod
    def data_version(self) -> int:
        """A number that changes when there may be new data; reading it costs next to nothing."""

    @property
    def place(self) -> Path | None:
        """The database file; None for a database on a server."""
        return None

    @abstractmethod
    def exists(self) -> bool:
        """True if the database exists, with or without tables."""

    @abstractmethod
    def create(self) -> None:
        """Create an empty database if there is none."""

    @abstractmethod
    def compact(self) -> list[str]:
        """Remove dead rows that the database itself cannot remove now; one line for each hot table."""

    @abstractmethod
    def change_schema(self) -> AbstractContextManager["Connection"]:
        """A new connection in a transaction that holds the migration lock; other migrations wait."""

    @abstractmethod
    def backup(self, target: Path) -> bool:
        """Copy the database, while it is in use, to the SQLite file ``target``, whole or not at all.

        False if the database has no such operation.
        """

    @abstractmethod
    def make_scratch(self, folder: Path) -> str:
        """The URL of a new, empty scratch database: a file in ``folder``, or one on the same server.

        Raises DatabaseUnavailable if the server does not allow it.
        """

    @abstractmethod
    def drop_scratch(self, url: str) -> None:
        """Drop a scratch database on a server, even one in use; a file goes with its folder."""

    @abstractmethod
    def counters(self, connection: "Connection") -> dict[str, int]:
        """The last id handed out, for each table that must never reuse an id."""

    @abstractmethod
    def set_counter(self, connection: "Connection", table: str, last: int) -> None:
        """Make the table hand out only ids above ``last``."""

    @abstractmethod
    def integrity(self) -> list[str]:
        """The faults found by the database's own check; empty if there are none."""

    @abstractmethod
    def sizes(self) -> Sizes:
        """The database's size and the free space on its disk."""

    @abstractmethod
    def software(self) -> str:
        """Name and version of the database software."""

    @abstractmethod
    def replaced(self) -> bool:
        """True if the database was moved, removed or restored since the first connection."""

    @abstractmethod
    def obstacle(self) -> Obstacle | None:
        """The process that now holds up all others, if there is one."""

    @abstractmethod
    def give_up(self) -> None:
        """Abort: pending and later calls, in any thread, raise DatabaseUnavailable.

        For a process that is about to end.
        """

    @abstractmethod
    def triggers(self, *, on: bool) -> list[str]:
        """The statements that begin or end the recording of events."""

    @abstractmethod
    def settled(self, connection: "Connection") -> int:
        """The transaction id below which the connection sees every event."""

    def close(self) -> None:
        """Close this process's connections; the next use of the database opens them again."""
        fork_safety.notice()
        if self._engine is not None:
            self._engine.dispose()

    @abstractmethod
    def _make_engine(self) -> "Engine": ...
