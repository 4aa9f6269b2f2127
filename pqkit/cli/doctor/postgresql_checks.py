"""Checks of a PostgreSQL server: durability, standbys, connections, clock, dead rows."""

from collections.abc import Iterator

from pqkit.cli import output as out
from pqkit.cli.doctor.finding import Finding
from pqkit.db import system_clock
from pqkit.db.postgresql import PostgresDatabase
from pqkit.db.postgresql.server_health import Health
from pqkit.domain.durations import SECOND

OLDEST = 150_000
MOST_DEAD, FEW = 0.2, 10_000
FULL = 0.9
CLOCK_OFF = 5.0


def before(database: PostgresDatabase) -> Iterator[Finding]:
    """Checks that need no schema."""
    found = database.health()
    yield _server(found)
    yield _connection(database)
    yield _durable(found)
    yield _standbys(found)
    yield _connections(found)
    yield _clock(database)


def within(database: PostgresDatabase) -> Iterator[Finding]:
    """Checks on the open database."""
    obstacle = database.obstacle()
    if obstacle is None:
        yield Finding("horizon", "ok", "no transaction has been open for a minute")
    else:
        yield Finding("horizon", "warn", obstacle.words, obstacle.mend)
    yield _dead_rows(database.health())
    broken = [line.partition(": ") for line in database.integrity()]
    yield from (Finding("indexes", "fail", said, mend) for said, _, mend in broken)
    if not broken:
        yield Finding("indexes", "ok", "all valid")


def _server(found: Health) -> Finding:
    if found.number < OLDEST:
        return Finding("server", "fail", f"PostgreSQL {found.version} is too old", "PostgreSQL 15 or newer")
    if found.standby:
        mend = "name the primary in PQKIT_URL, or all servers: host1,host2"
        return Finding("server", "fail", "this server is a standby, where nothing can be written", mend)
    return Finding("server", "ok", f"PostgreSQL {found.version}")


def _connection(database: PostgresDatabase) -> Finding:
    if database.pooled:
        said = "through a pooler: idle workers look for work every second, because they cannot listen"
        return Finding("connection", "ok", said)
    return Finding("connection", "ok", "direct, idle workers listen for work")


def _durable(found: Health) -> Finding:
    off = [name for name in ("fsync", "full_page_writes") if not getattr(found, name)]
    if off:
        mend = "; ".join(f"ALTER SYSTEM SET {name} = on" for name in off) + "; restart the server"
        return Finding(
            "durability", "fail", f"{' and '.join(off)} off: a crash of the machine loses the database", mend
        )
    return Finding("durability", "ok", "each commit is on the server's disk")


def _standbys(found: Health) -> Finding:
    if found.standbys and not found.waits:
        said = f"{found.standbys} follow, no commit waits for them: after a failover the last commits may be missing"
        return Finding("standbys", "warn", said, "ALTER SYSTEM SET synchronous_standby_names = '…'")
    said = (
        f"{found.standbys} follow, each commit waits for one" if found.standbys else "none: this disk has the only copy"
    )
    return Finding("standbys", "ok", said)


def _connections(found: Health) -> Finding:
    said = f"{found.used} of {found.most} connections in use"
    if found.used > FULL * found.most:
        mend = f"ALTER SYSTEM SET max_connections = {2 * found.most}; restart the server, or put a pooler before it"
        return Finding("connections", "warn", said, mend)
    return Finding("connections", "ok", said)


def _clock(database: PostgresDatabase) -> Finding:
    apart = abs(database.now() - system_clock.wall()) / SECOND
    said = f"this machine's is {out.span(apart)} off the server's, which alone decides about leases and due times"
    if apart > CLOCK_OFF:
        return Finding("clock", "warn", said, "set this machine's clock, for its log lines")
    return Finding("clock", "ok", "this machine's agrees with the server's")


def _dead_rows(found: Health) -> Finding:
    if not found.autovacuum:
        said = "autovacuum is off: dead rows are never removed, and claims become slower and slower"
        return Finding(
            "dead rows", "fail", said, "ALTER SYSTEM SET autovacuum = on; ALTER SYSTEM SET track_counts = on"
        )
    for table, live, dead in found.dead:
        if dead > FEW and dead > MOST_DEAD * (live + dead):
            return Finding("dead rows", "warn", f"{dead:,} in {table} beside {live:,} living", f"VACUUM {table}")
    return Finding("dead rows", "ok", "few in the hot tables")
