"""The hot path's connection pool: small, shared by threads, checked by the first statement."""

import logging
import os
import select
import socket
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import Cursor
from psycopg_pool import ConnectionPool, PoolTimeout

from pqkit.db import fork_safety
from pqkit.db.postgresql.connector import HOT, Connection, Opener
from pqkit.db.postgresql.server_clock import MICROSECONDS, local
from pqkit.sql.statement import Values

T = TypeVar("T")
MOST = 10
WAIT = 5.0
# Seconds after which the pool restarts its growing back-off, so that it reconnects soon after the server is back.
BEGIN_ANEW = 3.0

logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # its messages are raised as errors, once


class Kept(fork_safety.AtFork):
    """The pooled connections of one database in this process. Raises psycopg's errors."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._pool: ConnectionPool[Connection] | None = None
        self._begin()
        self.join_forks()

    def begin(self, text: str) -> Connection:
        """A connection with a transaction begun by ``text``; return it with ``put``."""

        def begun(connection: Connection) -> Connection:
            local_settings = self._opener.of_transaction(HOT)
            connection.execute(f"{text}; {local_settings}" if local_settings else text)
            return connection

        return self._first(begun)

    def quiet(self) -> Connection | None:
        """An idle connection with no unread input; return it with ``put``.

        None if the next connection in the pool has unread input, as one that the server closed has, or behind a pooler,
        which has no sessions to set up.
        """
        connection = self._take()
        if not self._opener.pooled and not connection.closed and not _has_spoken(connection):
            return connection
        self.put(connection)
        return None

    def ask(self, text: str, values: Values = ()) -> list[Any]:
        """The rows of a query outside a transaction."""
        return self._alone(text, values, Cursor.fetchall)

    def run(self, text: str, values: Values = ()) -> int:
        """Execute one statement outside a transaction; return the number of rows changed.

        It is sent again if the connection breaks.
        """
        return self._alone(text, values, _changed)

    def ask_clock(self) -> int:
        """The server's clock now, in microseconds since 1970 UTC."""
        before = local()
        ((now,),) = self.ask(f"SELECT {MICROSECONDS}")
        self._opener.clock.learn(before, now, local())
        return int(now)

    def put(self, connection: Connection) -> None:
        """Return a connection; a broken one is replaced."""
        if connection in self._lent:  # and not the parent's
            self._lent.discard(connection)
            self._opened().putconn(connection)

    def give_up(self) -> None:
        """Break the connections in use and open no others, so that no thread waits for an answer."""
        self._given_up = True
        if self._pool is not None:
            self._pool.close(timeout=0)
        for connection in list(self._lent):
            with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        fork_safety.notice()
        with self._mutex:
            if self._pool is not None:
                self._pool.close()
            self._pool = None

    def _alone(self, text: str, values: Values, answer: Callable[[Cursor[Any]], T]) -> T:
        def carried_out(connection: Connection) -> T:
            found = answer(connection.execute(text, values))
            self.put(connection)
            return found

        return self._first(carried_out)

    def _first(self, statement: Callable[[Connection], T]) -> T:
        """Run a first statement; if its connection is broken, try the next one: nothing is lost."""
        left = MOST
        while True:
            connection = self._take()
            try:
                return statement(connection)
            except BaseException as error:
                broken = connection.closed and isinstance(error, psycopg.Error)
                self.put(connection)
                if not broken or not left:
                    raise
            left -= 1

    def _take(self) -> Connection:
        if self._given_up:
            raise psycopg.OperationalError("this process has given up waiting for the server")
        pool = self._opened()
        try:
            connection = pool.getconn()
        except PoolTimeout:
            self._opener.ask_why()
            raise psycopg.OperationalError(f"all {MOST} connections of this process are in use") from None
        self._lent.add(connection)
        return connection

    def _opened(self) -> "ConnectionPool[Connection]":
        fork_safety.notice()
        with self._mutex:
            if self._pool is None:
                self._opener.open(HOT).close()  # raises a refusal at once, before the pool's time-out
                self._pool = self._new_pool()
            return self._pool

    def in_child(self) -> None:
        """Drop the pool: the connections are the parent's, and its threads may hold the locks."""
        fork_safety.keep_for_ever(self._pool)
        self._pool = None
        self._begin()

    def _begin(self) -> None:
        self._mutex = threading.Lock()
        self._lent = set[Connection]()
        self._given_up = False

    def _new_pool(self) -> "ConnectionPool[Connection]":
        opener = self._opener
        pool = ConnectionPool(
            connection_class=Connection,
            kwargs=opener.params,
            configure=lambda connection: opener.set_up(connection, HOT),
            min_size=0,
            max_size=MOST,
            timeout=WAIT,
            reconnect_timeout=BEGIN_ANEW,
            num_workers=1,
            open=True,
        )
        weakref.finalize(self, _close_here, pool, os.getpid())
        return pool


def _has_spoken(connection: Connection) -> bool:
    wire = select.poll()
    wire.register(connection, select.POLLIN)
    return bool(wire.poll(0))


def _changed(cursor: Cursor[Any]) -> int:
    return cursor.rowcount


def _close_here(pool: "ConnectionPool[Connection]", pid: int) -> None:
    if pid == os.getpid():
        pool.close()
