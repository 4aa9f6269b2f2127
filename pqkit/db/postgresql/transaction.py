"""Transactions on PostgreSQL: many rows go as one statement over arrays, and new work is told of after the commit."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus

from pqkit.db.transaction import Transaction
from pqkit.errors import DatabaseUnavailable
from pqkit.sql.compiled import ASSIGN, INSERT_READY, PAUSE, PLACE_JOB
from pqkit.sql.text import Statement, Values

if TYPE_CHECKING:
    from pqkit.db.postgresql.database import PostgresDatabase

CHANNEL = "pqkit_ready"
# The server lets one notifying transaction commit at a time. Told in a transaction of its own, which waits for no disk,
# other producers' commits need not stand in line; if the word is lost, whoever polls finds the job within a second.
COMMIT_AND_TELL = f"COMMIT; BEGIN; SET LOCAL synchronous_commit = off; NOTIFY {CHANNEL}; COMMIT"
TELL = f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{CHANNEL}', '')"
# The sequence is looked up once, and not for each id.
NEXT_IDS = (
    "SELECT array_agg(nextval(it.sequence)) FROM generate_series(1, %s), "
    "(SELECT pg_get_serial_sequence('job', 'id')::regclass AS sequence OFFSET 0) AS it"
)
# What may give a waiting worker something to claim: a new job, a queue that is resumed, a job for another worker.
ANNOUNCED = frozenset({INSERT_READY, PAUSE, ASSIGN})
# Rows in one COPY, which has a statement's time limit, and in one message: the server works while the next is written.
COPIED, SENT = 20_000, 500


class PostgresTransaction(Transaction):
    """``placed`` says that there may be something new to claim."""

    __slots__ = ("placed",)

    def __init__(self, cursor: Any) -> None:
        super().__init__(cursor)
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
        # Who deletes the same rows does it in the same order: they wait for each other, and never in a circle.
        ordered = sorted(rows) if sql.text.startswith("DELETE") else list(rows)
        if not ordered:
            return 0
        columns = tuple(_array(column) for column in zip(*ordered, strict=True))
        changed = int(self.cursor.execute(sql.text, sql.bind(columns)).rowcount)
        if statement in ANNOUNCED:
            self._has_placed()
        return changed

    def run_alike(self, statement: Statement, row: Values, own: Mapping[int, Sequence[Any]]) -> None:
        into, rows = copy_into(statement.postgresql.text), len(next(iter(own.values())))
        line = _line(row, own)
        for first in range(0, rows, COPIED):
            with self.cursor.copy(into) as copy:
                for at in range(first, min(first + COPIED, rows), SENT):
                    columns = [map(_field, column[at : at + SENT]) for column in own.values()]
                    copy.write("".join([line % values for values in zip(*columns, strict=True)]))
        if statement in ANNOUNCED:
            self._has_placed()

    def rows(self, statement: Statement, *values: Any) -> list[Any]:
        sql = statement.postgresql
        found: list[Any] = self.cursor.execute(sql.text, sql.bind(values)).fetchall()
        return found

    def next_job_ids(self, count: int) -> list[int]:
        (ids,) = self.cursor.execute(NEXT_IDS, (count,)).fetchone()
        return sorted(ids)

    def _has_placed(self) -> None:
        self.placed = True


@cache
def copy_into(text: str) -> str:
    """The COPY that fills the columns of this INSERT."""
    table_and_columns, _, _ = text.removeprefix("INSERT INTO ").partition(" VALUES ")
    return f"COPY {table_and_columns} FROM STDIN"


def _line(row: Values, own: Mapping[int, Sequence[Any]]) -> str:
    """A line of a COPY, with ``%s`` where the rows differ."""
    fields = ["%s" if place in own else _field(value).replace("%", "%%") for place, value in enumerate(row)]
    return "\t".join(fields) + "\n"


def _field(value: object) -> str:
    if value is None:
        return "\\N"
    text = str(value)
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    return text if text.isprintable() else text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _array(values: Values) -> object:
    """A column of values as one parameter, in the text that the server reads: the driver's own way to write a list
    costs more than all else that an exchange does here."""
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
    """Inside a transaction that somebody else commits: the word of new work goes out with it."""

    __slots__ = ()

    def _has_placed(self) -> None:
        self.cursor.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


class Write:
    """A class and not a generator: this is entered for every job that is queued alone."""

    __slots__ = ("_connection", "_database", "_tx")

    def __init__(self, database: "PostgresDatabase") -> None:
        self._database = database

    def __enter__(self) -> PostgresTransaction:
        with self._database.in_words():
            self._connection = self._database.kept.begin("BEGIN")
        self._tx = PostgresTransaction(self._connection.cursor())
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
            self._roll_back()  # COMMIT would answer ROLLBACK, and nobody would hear it
            raise AssertionError("a statement failed, and its error was swallowed")
        try:
            self._connection.execute(COMMIT_AND_TELL if self._tx.placed else "COMMIT")
        except psycopg.Error as error:
            self._roll_back()
            raise _unanswered(self._database, error) from error

    def _roll_back(self) -> None:
        with suppress(psycopg.Error):  # a connection that is gone has rolled back already
            self._connection.execute("ROLLBACK")


def place_job(database: "PostgresDatabase", row: Values) -> int | None:
    """Two statements that are a transaction each: the job, and the word of it. None where no connection is at hand that
    is set up for the session and has been quiet: a transaction's BEGIN finds out which of them still work."""
    connection = database.kept.quiet()
    if connection is None:
        return None
    try:
        cursor = connection.cursor()
        ((job_id,),) = cursor.execute(PLACE_JOB.text, PLACE_JOB.bind(row)).fetchall()
        with suppress(psycopg.Error):
            cursor.execute(TELL)
    except psycopg.Error as error:
        if connection.closed:
            raise _unanswered(database, error) from error
        raise
    finally:
        database.kept.put(connection)
    return int(job_id)


def _unanswered(database: "PostgresDatabase", error: BaseException) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"{database.name}: the commit's answer did not arrive: {database.say(error)}")
