"""Triggers on the state tables that record job events, created only while a client watches.

An event is a job's entering a state, or an operator's action. It is written in the transaction of the change, whichever
program makes it. SQLite has one writer at a time, so events become visible in the order of their ids. PostgreSQL hands
out ids before commits, so an event carries its transaction and is read once no earlier transaction is still open.
"""

from typing import NamedTuple

COLUMNS = "tx, at, what, job_id, attempt, note"


class _Source(NamedTuple):
    """A table whose new rows are events; the other fields are SQL expressions over the new row."""

    table: str
    what: str
    attempt: str = "attempt"
    note: str = "NULL"


SOURCES = (
    _Source("ready", "'pending'"),
    _Source("delayed", "state", note="error"),
    _Source("lease", "'processing'"),
    _Source("closed", "state", note="error"),
    _Source("action", "'action'", "NULL", "verb || ' by ' || who || COALESCE(': ' || reason, '')"),
)
_NOW_SQLITE = "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"
_NOW_POSTGRESQL = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

ON_SQLITE = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name = 'event_closed'"
ON_POSTGRESQL = "SELECT count(*) FROM pg_trigger WHERE tgname = 'event_closed' AND tgrelid = to_regclass('closed')"


def begin_on_sqlite() -> list[str]:
    return [
        f"CREATE TRIGGER IF NOT EXISTS event_{s.table} AFTER INSERT ON {s.table} BEGIN INSERT INTO event ({COLUMNS}) "  # noqa: S608 - all of it stands above
        f"SELECT 0, {_NOW_SQLITE}, {s.what}, job_id, {s.attempt}, {s.note} "
        f"FROM {s.table} WHERE {_same_row(s.table)}; END"
        for s in SOURCES
    ]


def _same_row(table: str) -> str:
    keys = {"ready": ("queue", "priority", "job_id"), "delayed": ("due_at", "job_id"), "action": ("id",)}
    return " AND ".join(f"{key} = NEW.{key}" for key in keys.get(table, ("job_id",)))


def end_on_sqlite() -> list[str]:
    return [f"DROP TRIGGER IF EXISTS event_{s.table}" for s in SOURCES]


def begin_on_postgresql() -> list[str]:
    return [text for source in SOURCES for text in _begin_on_postgresql(source)]


def _begin_on_postgresql(s: _Source) -> tuple[str, ...]:
    function = (
        f"CREATE OR REPLACE FUNCTION event_of_{s.table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "  # noqa: S608 - see above
        f"INSERT INTO event ({COLUMNS}) SELECT pg_current_xact_id()::text::bigint, {_NOW_POSTGRESQL}, "
        f"{s.what}, job_id, {s.attempt}, {s.note} FROM fresh; RETURN NULL; END $$"
    )
    trigger = (
        f"CREATE TRIGGER event_{s.table} AFTER INSERT ON {s.table} REFERENCING NEW TABLE AS fresh "
        f"FOR EACH STATEMENT EXECUTE FUNCTION event_of_{s.table}()"
    )
    return function, f"DROP TRIGGER IF EXISTS event_{s.table} ON {s.table}", trigger


def end_on_postgresql() -> list[str]:
    return [f"DROP FUNCTION IF EXISTS event_of_{s.table} CASCADE" for s in SOURCES]
