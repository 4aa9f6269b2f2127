"""Inserts one job and sends its NOTIFY in a single round trip (libpq pipeline).

Both are prepared by hand and sent by libpq's pipeline: psycopg's own pipeline costs more than a second round trip.
"""

import select
from collections.abc import Sequence
from contextlib import suppress
from weakref import WeakSet

import psycopg
from psycopg import errors
from psycopg.abc import Buffer
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from pqkit.db.postgresql.connector import Connection
from pqkit.db.postgresql.server_transaction import TELL, Server, unanswered
from pqkit.sql.compiled import PLACE_JOB
from pqkit.sql.statement import Values

PLACING, TELLING = b"pqkit_place", b"pqkit_tell"
_prepared: WeakSet[Connection] = WeakSet()


def place_job(database: Server, row: Values) -> int | None:
    """Insert a job and then NOTIFY, each in a transaction of its own; return the id.

    None if there is no idle connection with a session that is set up: then the caller uses a transaction, whose BEGIN
    finds out which connections still work.
    """
    connection = database.kept.quiet()
    if connection is None:
        return None
    try:
        return _place(connection, PLACE_JOB.bind(row))
    except psycopg.Error as error:
        if connection.closed:
            raise unanswered(database, error) from error
        raise
    except BaseException:  # such as Ctrl+C: the server's next answer is not known
        connection.close()
        raise
    finally:
        database.kept.put(connection)


def _place(connection: Connection, values: Values) -> int:
    """Insert the job, preparing first where needed. Raises psycopg's errors."""
    dumped = Transformer(connection).dump_sequence(values, [PyFormat.TEXT] * len(values))
    if connection not in _prepared:
        _prepare(connection)
    try:
        return _exchange(connection, dumped)
    except errors.InvalidSqlStatementName:  # psycopg deallocates all after a rollback
        _prepare(connection)
        return _exchange(connection, dumped)


def _prepare(connection: Connection) -> None:
    first, *others = PLACE_JOB.text.split("%s")
    numbered = first + "".join(f"${number}{text}" for number, text in enumerate(others, 1))
    for name, text in ((PLACING, numbered), (TELLING, TELL)):
        prepared = connection.pgconn.prepare(name, text.encode())
        if prepared.status != ExecStatus.COMMAND_OK:
            raise errors.error_from_result(prepared, connection.info.encoding)
    _prepared.add(connection)


def _exchange(connection: Connection, values: Sequence[Buffer | None]) -> int:
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    pgconn.send_query_prepared(PLACING, values)
    pgconn.pipeline_sync()
    pgconn.send_query_prepared(TELLING, ())
    pgconn.pipeline_sync()
    placed = _answer(connection)
    with suppress(psycopg.Error):  # the job is there; without NOTIFY a polling worker finds it
        _answer(connection)
        pgconn.exit_pipeline_mode()
    if placed.status != ExecStatus.TUPLES_OK:
        raise errors.error_from_result(placed, connection.info.encoding)
    return int(placed.get_value(0, 0) or 0)


def _answer(connection: Connection) -> PGresult:
    """A statement's result, once its transaction has ended: it arrives before the commit."""
    result = None
    try:
        while (found := _next(connection.pgconn)) is None or found.status != ExecStatus.PIPELINE_SYNC:
            result = found or result
    except psycopg.Error:
        if result is None or result.status == ExecStatus.TUPLES_OK:
            raise
        raise errors.error_from_result(result, connection.info.encoding) from None
    assert result is not None
    return result


def _next(pgconn: PGconn) -> PGresult | None:
    while (sending := pgconn.flush()) or pgconn.is_busy():
        wire = select.poll()
        wire.register(pgconn.socket, select.POLLIN | (select.POLLOUT if sending else 0))
        wire.poll()
        pgconn.consume_input()
    return pgconn.get_result()
