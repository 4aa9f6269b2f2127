"""Opens connections, sets them up, and learns the server's clock and poolers on the way."""

import os
import socket
import weakref
from typing import Any

import psycopg

from pqkit.db import fork_safety
from pqkit.db.base import Durability
from pqkit.db.postgresql.server_clock import MICROSECONDS, ServerClock, local
from pqkit.db.postgresql.url import Address

Connection = psycopg.Connection[Any]
Values = dict[str, str]

_ALWAYS = {"default_transaction_isolation": "'read committed'", "jit": "off", "plan_cache_mode": "'force_generic_plan'"}
# Statistics are wrong about tables that fill and empty within minutes, and a plan that scans a whole table because it
# was empty a moment ago costs seconds. Our statements are written for index scans, so the planner gets no other choice.
_WALKING = dict.fromkeys(
    ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_sort"), "off"
)
HOT = {**_ALWAYS, **_WALKING, "statement_timeout": "'30s'", "idle_in_transaction_session_timeout": "'30s'"}
CALM = {**_ALWAYS, "statement_timeout": "'10min'", "idle_in_transaction_session_timeout": "'10min'"}
PREPARE_AFTER = 3
SHORT = "2"


class Opener(fork_safety.AtFork):
    """Opens connections to one address; ``pooled``: the last one came from a pooler (PgBouncer).

    A forked child has its parent's sockets. The server would take anything it writes to them, even the message that
    ends a connection, as the parent's. So the child replaces each of them by a socket whose other end is closed.
    """

    def __init__(self, address: Address, durability: Durability) -> None:
        self.clock = ServerClock()
        self.pooled = False
        self._opened: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._address = address
        self._synchronous = {"synchronous_commit": "on" if durability == "full" else "off"}
        self.join_forks()

    def in_child(self) -> None:
        for connection in [connection for connection in self._opened if not connection.closed]:
            dead, other_end = socket.socketpair()
            with dead, other_end:
                os.dup2(dead.fileno(), connection.fileno(), inheritable=False)
            fork_safety.keep_for_ever(connection)
        self._opened = weakref.WeakSet()

    def open(self, values: Values) -> Connection:
        """Open a connection in autocommit mode, set up with ``values``. Raises psycopg's errors."""
        connection = Connection.connect(**self.params)
        self.set_up(connection, values)
        return connection

    def ask_why(self) -> None:
        """Try to connect and raise the server's own error, if any; short, as the caller has waited."""
        Connection.connect(**{**self.params, "connect_timeout": SHORT}).close()

    @property
    def params(self) -> dict[str, Any]:
        return {**self._address.params, "autocommit": True}

    def set_up(self, connection: Connection, values: Values) -> None:
        """Set ``values`` for the session, unless a pooler shares it: see ``of_transaction``."""
        self._opened.add(connection)
        before = local()
        row = connection.execute(f"SELECT pg_backend_pid(), {MICROSECONDS}").fetchone()
        assert row is not None
        pid, now = row
        self.clock.learn(before, now, local())
        self.pooled = self._is_pooled(connection, pid)
        connection.prepare_threshold = None if self.pooled else PREPARE_AFTER
        if not self.pooled:
            connection.execute(self._written("SET", values))

    def _is_pooled(self, connection: Connection, pid: int) -> bool:
        """True behind a pooler, which tells its clients an invented pid instead of the server's."""
        return pid != connection.info.backend_pid

    def of_transaction(self, values: Values) -> str:
        """The settings that a transaction must begin with: empty without a pooler."""
        return self._written("SET LOCAL", values) if self.pooled else ""

    def _written(self, verb: str, values: Values) -> str:
        return "; ".join(f"{verb} {name} = {value}" for name, value in (values | self._synchronous).items())
