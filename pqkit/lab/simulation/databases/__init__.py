"""A real database on a simulated machine, which supplies its clocks.

A process may die in the gaps between its transactions.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from pqkit.db import connect
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.lab import scratch
from pqkit.lab.simulation.databases.base import Gapped, SimulatedDatabase, begin_another

__all__ = ["Gapped", "SimulatedDatabase", "begin_another", "by_server_clock", "simulated"]


def by_server_clock(beside: str | None) -> bool:
    """True if simulations beside that database run on a server, whose clock decides.

    Otherwise they run in a file.
    """
    return beside is not None and not isinstance(connect(beside), SqliteDatabase)


@contextmanager
def simulated(beside: str | None = None) -> Iterator[SimulatedDatabase]:
    """A scratch database for simulations: a file, or one on the PostgreSQL server ``beside``."""
    place = scratch(beside)
    try:
        database = _open(place.url)
        try:
            yield database
        finally:
            database.close()
    finally:
        place.remove()


def _open(url: str) -> SimulatedDatabase:
    found = connect(url, "normal")
    if isinstance(found, SqliteDatabase):
        from pqkit.lab.simulation.databases.simulated_sqlite import SimulatedSqlite  # noqa: PLC0415 - only one of the two is wanted

        return SimulatedSqlite(found.path)
    from pqkit.lab.simulation.databases.simulated_postgresql import SimulatedPostgres  # noqa: PLC0415 - its driver is an extra

    return SimulatedPostgres(url)
