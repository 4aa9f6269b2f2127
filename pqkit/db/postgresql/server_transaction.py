"""Transactions on PostgreSQL: one statement over arrays for many rows, NOTIFY after commits."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import groupby
from operator import itemgetter
from types import NoneType
from typing import Any, Protocol

import psycopg
from psycopg.pq import TransactionStatus

from pqkit.db.hook_subscriptions import Hooked
from pqkit.db.postgresql.pool import Kept
from pqkit.db.transaction import ARGS, Alike, Transaction
from pqkit.errors import DatabaseUnavailable
from pqkit.sql.compiled import ASSIGN, INSERT_JOB_WITH_ID, INSERT_READY, PAUSE
from pqkit.sql.statement import Statement, Values

CHANNEL = "pqkit_ready"
# The server commits one notifying transaction at a time. So NOTIFY has a transaction of its own, which waits for no
# disk, and other producers' commits need not queue. If the NOTIFY is lost, a polling worker finds the job in a second.
COMMIT_AND_TELL = f"COMMIT; BEGIN; SET LOCAL synchronous_commit = off; NOTIFY {CHANNEL}; COMMIT"
TELL = f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{CHANNEL}', '')"
# Looks the sequence up once, not for each id.
NEXT_IDS = (
    "SELECT array_agg(nextval(it.sequence)) FROM generate_series(1, %s), "
    "(SELECT pg_get_serial_sequence('job', 'id')::regclass AS sequence OFFSET 0) AS it"
)
# Statements that may give a waiting worker a job to claim: a new job, a queue resumed, a job for another worker.
ANNOUNCED = frozenset({INSERT_READY, PAUSE, ASSIGN})
# Rows in one COPY, which a statement timeout limits, and in one message: the server works while the next is built.
COPIED, SENT = 20_000, 2_000


class PostgresTransaction(Transaction):
    """A transaction on PostgreSQL; ``placed``: it may have added a job to claim."""

    __slots__ = ("placed",)

    def __init__(self, cursor: Any, hooked: Hooked) -> None:
        super().__init__(cursor, hooked)
        self.placed = False

    def run(self, statement: Statement, *values: Any) -> int:
        sql = statement.postgresql
        changed = int(self.cursor.execute(sql.text, sql.bind(values)).rowcount)
        if statement in ANNOUNCED:
            self._has_placed()
        return changed

    def run_many(self, statement: Statement, rows: Iterable[Values]) -> int:
        sql = statement.many
        assert sql is not None, f"there is no text for many rows of: {statement.postgresql.text}"
        # All transactions change rows in the same order: they may wait for each other, but cannot deadlock.
        ordered = list(rows) if sql.text.startswith("INSERT") else sorted(rows)
        if not ordered:
            return 0
        alike = statement.alike
        groups = groupby(ordered, itemgetter(slice(alike))) if alike else (((), ordered),)
        changed = 0
        for same, some in groups:
            columns = list(zip(*some, strict=True))[alike:]
            changed += int(self.cursor.execute(sql.text, sql.bind((*same, *map(_array, columns)))).rowcount)
        if statement in ANNOUNCED:
            self._has_placed()
        return changed

    def add_alike(self, job: Values, texts: Sequence[str], entry: Alike) -> Sequence[int]:
        """Insert by COPY, entries first: half of the texts are made while the server works on those."""
        ids, jobs = self.next_job_ids(len(texts)), Alike(INSERT_JOB_WITH_ID, (None, *job))
        for first in range(0, len(ids), COPIED):
            some, made = ids[first : first + COPIED], list[str]()
            starts, half = range(0, len(some), SENT), first + len(some) // 2
            with self._copying(entry) as send:
                for at in starts:
                    send(some[at : at + SENT])
                    begin = first + len(made)
                    made += texts[begin : min(begin + SENT // 2, half)]
            with self._copying(jobs, ARGS) as send:
                for at in starts:
                    made += texts[first + len(made) : first + at + SENT]
                    send(some[at : at + SENT], made[at : at + SENT])
        if entry.statement in ANNOUNCED:
            self._has_placed()
        return ids

    @contextmanager
    def _copying(self, alike: Alike, *own: int) -> Iterator[Callable[..., None]]:
        """A function that sends rows: a column of ids, and one for each of the positions ``own``."""
        into, line = _copy_into(alike, (alike.key, *own))
        with self.cursor.copy(into) as copy:

            def send(ids: Sequence[int], *columns: Sequence[str]) -> None:
                fields = (map(_field, column) for column in columns)
                copy.write("".join([line % values for values in zip(ids, *fields, strict=True)]))

            yield send

    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        sql = statement.postgresql
        found: list[Any] = self.cursor.execute(sql.text, sql.bind(values)).fetchall()
        return found

    def next_job_ids(self, count: int) -> list[int]:
        (ids,) = self.cursor.execute(NEXT_IDS, (count,)).fetchone()
        return sorted(ids)

    def _has_placed(self) -> None:
        self.placed = True


def _copy_into(alike: Alike, own: Sequence[int]) -> tuple[str, str]:
    """The COPY for the columns of an INSERT, and its line format, with ``%s`` where rows differ.

    Columns that are NULL in every row are left out, which saves the server a tenth of its work.
    """
    table, _, rest = alike.statement.postgresql.text.removeprefix("INSERT INTO ").partition(" (")
    names, fields = [], []
    for place, (name, value) in enumerate(zip(_names(rest), alike.row, strict=True)):
        if place in own or value is not None:
            names.append(name)
            fields.append("%s" if place in own else _field(value).replace("%", "%%"))
    return f"COPY {table} ({', '.join(names)}) FROM STDIN", "\t".join(fields) + "\n"


def _names(columns: str) -> list[str]:
    return [name.strip() for name in columns.partition(")")[0].split(",")]


def _field(value: object) -> str:
    if value is None:
        return "\\N"
    text = str(value)
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text if text.isprintable() else text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _array(values: Values) -> object:
    """A column of values as one parameter, as an array literal in text.

    The driver's own conversion of a list costs more than the rest of an exchange here.
    """
    kinds = set(map(type, values))
    if kinds == {int}:
        return f"{{{','.join(map(str, values))}}}"
    if kinds <= {int, str, NoneType}:
        return f"{{{','.join(map(_quoted, values))}}}"
    return list(values)


def _quoted(value: object) -> str:
    if value is None:
        return "NULL"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


class JoinedTransaction(PostgresTransaction):
    """Statements in a transaction that the caller commits; NOTIFY is sent with that commit."""

    __slots__ = ()

    def _has_placed(self) -> None:
        self.cursor.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


class Server(Protocol):
    """The part of the database that a write transaction needs: connections and error texts."""

    kept: Kept
    hooked: Hooked

    @property
    def name(self) -> str: ...

    def in_words(self) -> AbstractContextManager[None]: ...

    def is_unavailable(self, error: object) -> bool: ...

    def say(self, error: BaseException) -> str: ...


class Write:
    """A write transaction: a class, not a generator, because every single enqueue enters it."""

    __slots__ = ("_connection", "_database", "_tx")

    def __init__(self, database: Server) -> None:
        self._database = database

    def __enter__(self) -> PostgresTransaction:
        with self._database.in_words():
            self._connection = self._database.kept.begin("BEGIN")
        self._tx = PostgresTransaction(self._connection.cursor(), self._database.hooked)
        return self._tx

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        try:
            if error is None:
                self._commit()
            else:
                self._roll_back()
        finally:
            self._database.kept.put(self._connection)
        if error is not None and self._database.is_unavailable(error):
            raise DatabaseUnavailable(f"{self._database.name}: {self._database.say(error)}") from error

    def _commit(self) -> None:
        if self._connection.info.transaction_status == TransactionStatus.INERROR:
            self._roll_back()  # COMMIT would answer ROLLBACK without an error
            raise AssertionError("a statement failed, and its error was swallowed")
        try:
            self._connection.execute(COMMIT_AND_TELL if self._tx.placed else "COMMIT")
        except psycopg.Error as error:
            self._roll_back()
            raise unanswered(self._database, error) from error

    def _roll_back(self) -> None:
        with suppress(psycopg.Error):  # a lost connection has rolled back already
            self._connection.execute("ROLLBACK")


def unanswered(database: Server, error: BaseException) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"{database.name}: the commit's answer did not arrive: {database.say(error)}")
