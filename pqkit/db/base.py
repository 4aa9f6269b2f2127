"""What every database is to the rooms above: verbs that mean the same on SQLite and on PostgreSQL."""

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
    """Somebody who holds everybody else up, in words; ``fatal`` where nobody can write meanwhile; what ends it."""

    words: str
    fatal: bool
    mend: str


class Sizes(NamedTuple):
    """Bytes of the database, of its write-ahead log, and free on its disk; None for what cannot be known from here."""

    database: int | None
    log: int | None
    free: int | None


class Database(fork_safety.AtFork, ABC):
    """One database. ``name`` is what people are told of it, without secrets; ``url`` opens it again.

    The hot path runs on connections of the driver that are kept; the engine is for people's questions and sessions.
    """

    looking: ClassVar[dict[str, Any]]
    """SQLAlchemy's execution options for one consistent look that cannot write."""
    tables: ClassVar[str]
    """The question for the names of the tables."""
    recording: ClassVar[str]
    """The question whether events are recorded."""
    ids_have_gaps: ClassVar[bool]
    """Whether ids may be skipped that no job ever had."""
    places_alone: ClassVar[bool] = False
    """Whether ``place_job`` may do; where it never does, nobody prepares a row for it."""

    def __init__(self, name: str, url: str, durability: Durability) -> None:
        self.name, self.url, self.durability = name, url, durability
        self._engine: Engine | None = None
        self._mutex = threading.Lock()
        self.hooked = Hooked()
        self.join_forks()

    @property
    def engine(self) -> "Engine":
        """The SQLAlchemy engine, for people's questions and sessions; the hot path never makes it."""
        fork_safety.notice()
        with self._mutex:
            if self._engine is None:
                self._engine = self._make_engine()
            return self._engine

    def in_child(self) -> None:
        """The engine's connections are the parent's: they may not even be closed here."""
        fork_safety.keep_for_ever(self._engine)
        self._engine, self._mutex = None, threading.Lock()

    @contextmanager
    def look(self) -> "Iterator[Connection]":
        """A SQLAlchemy connection for a question; it cannot write."""
        with self.in_words(), self.engine.connect().execution_options(**self.looking) as connection:
            yield connection

    def session(self) -> "Session":
        """A SQLModel session on this database. On SQLite it takes the write lock with its first statement."""
        from sqlmodel import Session  # noqa: PLC0415 - a third of a worker's start, for workers that never open one

        return Session(self.engine)

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """What goes wrong with the database itself is raised as DatabaseUnavailable, in one line."""
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
        """The database, and not what was asked of it, is the trouble."""

    @abstractmethod
    def write(self) -> AbstractContextManager[Transaction]:
        """``with database.write() as tx``: one write transaction, committed at the end or undone whole."""

    def place_job(self, row: Values) -> int | None:  # noqa: ARG002 - for databases that can
        """Commit a new row of ``job`` and its place in ``ready`` at once, and return its id; None where it takes a
        transaction. As after ``write``: DatabaseUnavailable may leave open whether the job is there."""
        return None

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """One consistent look at the database that takes no write lock."""

    def each(self, made: Callable[[Any], str], values: Sequence[Any]) -> Sequence[str]:
        """The texts ``made`` of each value, for a transaction to write: here before it holds up anybody."""
        return [made(value) for value in values]

    def row(self, statement: Statement, *values: Any) -> Any:
        """The first row that answers a question by itself, or None; where it is asked often, this costs the least."""
        found = self.rows(statement, *values)
        return found[0] if found else None

    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        """All rows that answer a question by itself."""
        with self.read() as tx:
            return tx.rows(statement, *values)

    def write_one(self, statement: Statement, *values: Any) -> int:
        """Carry out and commit one statement; the number of rows it changed. Only for what may be done twice: where a
        connection breaks before the answer, it is sent again."""
        with self.write() as tx:
            return tx.run(statement, *values)

    @abstractmethod
    def join(self, session: "Session") -> Transaction:
        """Statements inside the caller's own transaction. ForeignSession where it is on another database."""

    @abstractmethod
    def now(self) -> int:
        """Microseconds since 1970 UTC, for due times and history: the machine's clock, or the server's."""

    @abstractmethod
    def lease_clock(self) -> tuple[str, int]:
        """(whose clock, microseconds): two readings compare only where the first part is the same."""

    def lease_moment(self) -> tuple[str, int | None]:
        """``lease_clock`` for a statement that takes a reading: None lets the server read its clock as it works on it,
        which saves the question."""
        return self.lease_clock()

    def machine_clock(self) -> int | None:
        """This machine's own clock (microseconds, nobody sets it, it stands still in a sleep), where leases are judged
        by another one."""
        return None

    @abstractmethod
    def wake(self) -> Wake:
        """Wakes a waiting thread when there may be new work; whoever asks for it closes it."""

    @abstractmethod
    def listen(self) -> AbstractContextManager[Callable[[float], None]]:
        """A function that waits up to so many seconds for something to have happened, such as the end of a job."""

    @abstractmethod
    def refuse_bad_place(self) -> None:
        """Raise UnsupportedUrl for a place where a database would break."""

    @abstractmethod
    def data_version(self) -> int:
        """A number that changes when there may be something new; it costs next to nothing to ask."""

    @property
    def place(self) -> Path | None:
        """The file that the database is; None where a server has it."""
        return None

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is a database at all, with or without tables."""

    @abstractmethod
    def create(self) -> None:
        """Make an empty database where there is none."""

    @abstractmethod
    def compact(self) -> list[str]:
        """Rid the hot tables of dead rows that the database itself cannot remove now; a line for each table."""

    @abstractmethod
    def change_schema(self) -> AbstractContextManager["Connection"]:
        """A connection of its own with a transaction begun, in which nobody else changes the schema; whoever comes
        meanwhile waits."""

    @abstractmethod
    def backup(self, target: Path) -> bool:
        """Copy the whole database to the SQLite file ``target`` while it is in use, whole or not at all; False where a
        database cannot do that by itself."""

    @abstractmethod
    def make_scratch(self, folder: Path) -> str:
        """The URL of a new, empty database to do harm to: a file in ``folder``, or a database on the same server.

        Raises DatabaseUnavailable where the server does not allow it.
        """

    @abstractmethod
    def drop_scratch(self, url: str) -> None:
        """Drop what ``make_scratch`` made on a server, whoever uses it still; a file goes with its folder."""

    @abstractmethod
    def counters(self, connection: "Connection") -> dict[str, int]:
        """The last id that was given, by the name of each table that must never give one again."""

    @abstractmethod
    def set_counter(self, connection: "Connection", table: str, last: int) -> None:
        """Let the table give no id up to ``last`` any more."""

    @abstractmethod
    def integrity(self) -> list[str]:
        """What the database's own check finds wrong; empty when nothing is."""

    @abstractmethod
    def sizes(self) -> Sizes:
        """How much room it takes, and how much is left."""

    @abstractmethod
    def software(self) -> str:
        """Name and version of what keeps it."""

    @abstractmethod
    def replaced(self) -> bool:
        """What is there now is not what was first connected to: it was moved, removed or restored."""

    @abstractmethod
    def obstacle(self) -> Obstacle | None:
        """Who holds everybody else up just now."""

    @abstractmethod
    def give_up(self) -> None:
        """Wait for no answer any more, in whatever thread: who waits, and who asks later, is told DatabaseUnavailable.
        For a process that is about to end."""

    @abstractmethod
    def triggers(self, *, on: bool) -> list[str]:
        """The statements that begin or end the recording of events."""

    @abstractmethod
    def settled(self, connection: "Connection") -> int:
        """Every event of a transaction below this one can be seen by the connection."""

    def close(self) -> None:
        """Close what this process has open; using the database opens it again."""
        fork_safety.notice()
        if self._engine is not None:
            self._engine.dispose()

    @abstractmethod
    def _make_engine(self) -> "Engine": ...
