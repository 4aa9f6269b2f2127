"""The server's clock, as a process knows it between two questions."""

import time

MICROSECONDS = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
FRESH_FOR = 60_000_000
ASK_AGAIN = 5_000_000
# CLOCK_BOOTTIME goes on while a machine sleeps; nobody can set either clock.
_LOCAL = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def local() -> int:
    """Microseconds of a clock of this machine that nobody sets."""
    return time.clock_gettime_ns(_LOCAL) // 1000


class ServerClock:
    """How far the server's clock is ahead of this machine's own; this machine's wall clock may be wrong by hours.

    An answer that arrives at ``after`` to a question sent at ``before`` was read somewhere between the two: the
    distance known so far is kept as long as it lies within, so that a slow answer does not make time jump.
    """

    def __init__(self) -> None:
        self._ahead: int | None = None
        self._learnt = 0

    @property
    def fresh(self) -> bool:
        return self._ahead is not None and local() - self._learnt < FRESH_FOR

    def carry_on(self) -> bool:
        """Do without an answer for a while; False where there never was one."""
        self._learnt = local() - FRESH_FOR + ASK_AGAIN
        return self._ahead is not None

    def learn(self, before: int, server: int, after: int) -> None:
        """Take note of the server's ``server`` (microseconds since 1970 UTC), read between two local moments."""
        least, most = server - after, server - before
        if self._ahead is None or not least <= self._ahead <= most:
            self._ahead = (least + most) // 2
        self._learnt = after

    def now(self) -> int:
        """The server's microseconds since 1970 UTC, by what is known."""
        assert self._ahead is not None
        return local() + self._ahead
