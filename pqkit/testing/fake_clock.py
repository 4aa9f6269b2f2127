"""A test database: commits wait for no disk, and clocks advance only on request."""

from pathlib import Path

from pqkit.db import system_clock
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.domain.durations import SECOND


class FakeClock:
    """A clock that stands still until a test advances it."""

    def __init__(self) -> None:
        self._now, self._steady = system_clock.wall(), system_clock.steady()

    @property
    def now(self) -> int:
        """Microseconds since 1970 UTC."""
        return self._now

    @property
    def steady(self) -> int:
        """Microseconds of the lease clock."""
        return self._steady

    def advance(self, seconds: float) -> None:
        """Advance the clock by ``seconds``."""
        self._now += round(seconds * SECOND)
        self._steady += round(seconds * SECOND)


class RehearsedDatabase(SqliteDatabase):
    """SQLite with a fake clock."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        super().__init__(path, "normal")
        self.clock = clock

    def now(self) -> int:
        return self.clock.now

    def lease_clock(self) -> tuple[str, int]:
        return system_clock.boot_id(), self.clock.steady
