"""A real database on a simulated machine: it asks the machine for its clocks, and a process may die in its gaps."""

from collections.abc import Iterator
from contextlib import contextmanager

from pqkit.db import connect
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.lab import scratch
from pqkit.lab.simulation.databases.base import Gapped, SimulatedDatabase, begin_another

__all__ = ["Gapped", "SimulatedDatabase", "begin_another", "by_server_clock", "simulated"]


def by_server_clock(beside: str | None) -> bool:
    """Whether simulations beside that database are on a server, whose clock decides, or in a file."""
    return beside is not None and not isinstance(connect(beside), SqliteDatabase)


@contextmanager
def simulated(beside: str | None = None) -> Iterator[SimulatedDatabase]:
    """A scratch database for simulations: a file, or one on the PostgreSQL server that ``beside`` names."""
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
