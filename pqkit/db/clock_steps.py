"""Steps of the wall clock on record: the order on record is that of a clock that nobody sets, for moments would lie."""

from typing import NamedTuple

from pqkit.db.sqlite.driver import sqlite
from pqkit.db.transaction import SqliteTransaction
from pqkit.domain.wall_clock_order import SEEN_EVERY
from pqkit.sql import compiled as sql

SET_BY = 500_000
"""Microseconds by which the wall clock moves only where it is set, or the machine slept."""


class Standing(NamedTuple):
    """How far the wall clock is ahead of the clock that nobody sets, at this reading of it."""

    boot: str
    reading: int
    ahead: int


class ClockNoted(NamedTuple):
    """What is on record of the wall clock: how far it is ahead in that boot, and when that was seen last."""

    boot: str
    ahead: int
    seen_at: int

    def holds(self, boot: str, reading: int, ahead: int) -> bool:
        """Whether there is nothing new to put on record."""
        return -SET_BY < self.ahead - ahead < SET_BY and reading - self.seen_at < SEEN_EVERY and self.boot == boot

    def is_of(self, now: Standing) -> bool:
        """Whether nobody has set the clock since."""
        return self.boot == now.boot and abs(self.ahead - now.ahead) < SET_BY


def note_clock(tx: SqliteTransaction, now: Standing) -> ClockNoted | None:
    """Put on record that the wall clock was set since the last write, and now and then that it was not; what is known
    of it once this is committed."""
    try:
        return _note(tx, now)
    except sqlite.OperationalError:  # tables of an older pqkit
        return None


def _note(tx: SqliteTransaction, now: Standing) -> ClockNoted:
    last = tx.row(sql.LAST_CLOCK_STEP)
    noted = None if last is None else ClockNoted(last[1], last[2], last[3] or 0)
    if noted is None or not noted.is_of(now):
        tx.run(sql.INSERT_CLOCK_STEP, now.boot, now.reading, now.ahead, now.reading)
        return ClockNoted(now.boot, now.ahead, now.reading)
    if not noted.holds(*now):
        tx.run(sql.CLOCK_SEEN, now.reading, last[0])
        return noted._replace(seen_at=now.reading)
    return noted
