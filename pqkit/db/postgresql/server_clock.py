"""Estimates the server's clock between two readings of it."""

import time

MICROSECONDS = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
FRESH_FOR = 60_000_000
ASK_AGAIN = 5_000_000
# CLOCK_BOOTTIME continues while a machine is suspended; neither clock can be set.
_LOCAL = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def local() -> int:
    """Microseconds of a clock of this machine that cannot be set."""
    return time.clock_gettime_ns(_LOCAL) // 1000


class ServerClock:
    """The server's clock as an offset from this machine's monotonic clock.

    This machine's wall clock may be wrong by hours. The server reads its clock between ``before``, when the query is
    sent, and ``after``, when the answer arrives. The known offset is kept while it fits between the two, so that a slow
    answer does not make time jump.
    """

    def __init__(self) -> None:
        self._ahead: int | None = None
        self._learnt = 0

    @property
    def fresh(self) -> bool:
        return self._ahead is not None and local() - self._learnt < FRESH_FOR

    def carry_on(self) -> bool:
        """Continue without an answer for a while; False if there never was one."""
        self._learnt = local() - FRESH_FOR + ASK_AGAIN
        return self._ahead is not None

    def learn(self, before: int, server: int, after: int) -> None:
        """Learn the server's reading (microseconds since 1970 UTC), taken between two local moments."""
        least, most = server - after, server - before
        if self._ahead is None or not least <= self._ahead <= most:
            self._ahead = (least + most) // 2
        self._learnt = after

    def now(self) -> int:
        """The server's time in microseconds since 1970 UTC, by the known offset."""
        assert self._ahead is not None
        return local() + self._ahead
