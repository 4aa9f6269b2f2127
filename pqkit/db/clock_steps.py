"""Records steps of the wall clock, so that history can be ordered by a monotonic clock."""

from typing import NamedTuple

from pqkit.db.sqlite.driver import sqlite
from pqkit.db.transaction import SqliteTransaction
from pqkit.domain.wall_clock_order import SEEN_EVERY
from pqkit.sql import compiled as sql

SET_BY = 500_000
"""Microseconds of drift that mean a step: the wall clock was set, or the machine was suspended."""


class Standing(NamedTuple):
    """The wall clock's offset (``ahead``) from the monotonic clock, at one ``reading`` of that."""

    boot: str
    reading: int
    ahead: int


class ClockNoted(NamedTuple):
    """The recorded offset of the wall clock in one boot, and when it was last confirmed."""

    boot: str
    ahead: int
    seen_at: int

    def holds(self, boot: str, reading: int, ahead: int) -> bool:
        """True if there is nothing new to record."""
        return -SET_BY < self.ahead - ahead < SET_BY and reading - self.seen_at < SEEN_EVERY and self.boot == boot

    def is_of(self, now: Standing) -> bool:
        """True if the clock was not set since."""
        return self.boot == now.boot and abs(self.ahead - now.ahead) < SET_BY


def note_clock(tx: SqliteTransaction, now: Standing) -> ClockNoted | None:
    """Record a step of the wall clock since the last write, or occasionally that there was none.

    The result is valid once the transaction is committed.
    """
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
