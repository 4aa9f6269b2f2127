"""Which ends are to be told to hooks, as this process knows it: read anew once a second."""

import time
from typing import Any, Protocol

from pqkit.sql import compiled as sql
from pqkit.sql.statement import Statement

EVERY = 1.0


class Reader(Protocol):
    """The part of a transaction that asks questions."""

    def rows(self, statement: Statement, *values: Any) -> list[Any]: ...


class Hooked:
    """The states that lead to a call. ``caller`` makes the calls for ends of the states ``mine`` that this process
    writes, from their commit on; if it is no worker in the registry, others leave them to it for ``hold`` µs."""

    def __init__(self) -> None:
        self.caller, self.hold = 0, 0
        self.mine: frozenset[str] = frozenset()
        self._everybodys: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    def serve(self, caller: int, states: frozenset[str], hold: int) -> None:
        """From now on this process makes calls."""
        self.caller, self.mine, self.hold = caller, states, hold
        self._read_at = float("-inf")

    def states(self, tx: Reader) -> frozenset[str]:
        """Those that some process has hooks for."""
        now = time.monotonic()
        if now - self._read_at >= EVERY:
            self._everybodys = self.mine.union(state for (state,) in tx.rows(sql.HOOKED_STATES))
            self._read_at = now
        return self._everybodys
