"""Queries a PostgreSQL server's health, as far as a queue depends on it."""

from typing import Any, NamedTuple

from pqkit.domain.durations import duration

LONG_OPEN = 60


class Dead(NamedTuple):
    """Live rows of a hot table, and dead ones not removed yet, as the server counts them."""

    table: str
    live: int
    dead: int


class Health(NamedTuple):
    """The server's version, settings, replication, connections and dead rows.

    ``version`` is the version as people write it. ``standby``: this server follows another; ``standbys``: the number of
    servers that follow it; ``waits``: a commit waits for one of them. ``used`` and ``most`` are connections.
    """

    version: str
    number: int
    fsync: bool
    full_page_writes: bool
    autovacuum: bool
    standby: bool
    standbys: int
    waits: bool
    used: int
    most: int
    dead: list[Dead]


_HORIZON = """
SELECT pid, coalesce(usename, '?'), coalesce(nullif(application_name, ''), '?'), coalesce(state, '?'),
       extract(epoch FROM clock_timestamp() - xact_start)::int
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
      AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
      AND clock_timestamp() - xact_start > make_interval(secs => %s)
ORDER BY greatest(age(backend_xmin), age(backend_xid)) DESC LIMIT 1
"""
_PREPARED = """
SELECT gid, owner, extract(epoch FROM clock_timestamp() - prepared)::int FROM pg_prepared_xacts
WHERE database = current_database() AND clock_timestamp() - prepared > make_interval(secs => %s)
ORDER BY age(transaction) DESC LIMIT 1
"""
_HEALTH = """
SELECT current_setting('server_version'), current_setting('server_version_num')::int,
       current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
       current_setting('autovacuum')::bool AND current_setting('track_counts')::bool,
       pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_replication),
       current_setting('synchronous_standby_names') <> '',
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int
"""
_DEAD = """
SELECT relname::text, n_live_tup, n_dead_tup FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND relname IN ('ready', 'lease', 'delayed') ORDER BY relname
"""
_INVALID = """
SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT (i.indisvalid AND i.indisready) ORDER BY 1
"""


def health(cursor: Any) -> Health:
    """The server's health by its own statistics."""
    row = cursor.execute(_HEALTH).fetchone()
    return Health._make((*row, dead_rows(cursor)))


def dead_rows(cursor: Any) -> list[Dead]:
    """The row counts of the hot tables, as the server counts them."""
    return [Dead(*found) for found in cursor.execute(_DEAD).fetchall()]


class Held(NamedTuple):
    """The transaction that keeps dead rows from being removed, and the statement that ends it."""

    words: str
    mend: str


def horizon(cursor: Any, seconds: int | None = None) -> Held | None:
    """The oldest transaction that blocks vacuum, if open for more than ``seconds`` (default 60)."""
    least = LONG_OPEN if seconds is None else seconds
    session = cursor.execute(_HORIZON, (least,)).fetchone()
    if session is not None:
        pid, user, application, state, age = session
        who = f"process {pid} of the server ({application}, user {user}, {state})"
        words = f"dead rows pile up: {who} has kept a transaction open for {duration(age)}"
        return Held(words, f"SELECT pg_terminate_backend({pid})")
    prepared = cursor.execute(_PREPARED, (least,)).fetchone()
    if prepared is not None:
        name, owner, age = prepared
        words = f"dead rows pile up: the prepared transaction {name!r} of {owner} has been open for {duration(age)}"
        return Held(words, "ROLLBACK PREPARED '{}'".format(name.replace("'", "''")))
    return None


def invalid_indexes(cursor: Any) -> list[str]:
    """One line for each index that the server itself marks as invalid."""
    return [f"the index {name} is not valid: REINDEX INDEX {name}" for (name,) in cursor.execute(_INVALID).fetchall()]
