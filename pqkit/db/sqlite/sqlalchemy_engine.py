"""Begins SQLAlchemy's transactions on SQLite, and tracks which threads use its pool."""

import threading
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from pqkit.db.sqlite.open_connections import Handles
from pqkit.db.sqlite.write_lock_queue import Turns


class Owner(Protocol):
    """The part of the database that its pool needs."""

    handles: Handles
    turns: Turns

    def begin_in_turn(self, connection: Any) -> None: ...


def watch_pool(engine: Engine, database: Owner, *, read_only: str) -> None:
    """Begin transactions as SQLite needs it, and track the connections that threads have in use."""

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get(read_only):
            connection.exec_driver_sql("BEGIN")
            return
        # IMMEDIATE: a read that becomes a write would fail at once if another writer was faster.
        database.begin_in_turn(connection.connection.dbapi_connection)

    @event.listens_for(engine, "commit")
    def committing(connection: Connection) -> None:
        if not connection.get_execution_options().get(read_only):
            database.handles.refuse_lost_files(connection.connection.dbapi_connection)

    @event.listens_for(engine, "checkout")
    def lent(handle: Any, _entry: ConnectionPoolEntry, _proxy: object) -> None:
        handle.user = threading.get_ident()

    @event.listens_for(engine, "checkin")
    def returned(handle: Any, _entry: ConnectionPoolEntry) -> None:
        if handle is not None:
            handle.user = 0

    @event.listens_for(engine, "close")
    def closed(handle: Any, _entry: ConnectionPoolEntry) -> None:
        database.turns.forget(handle)
