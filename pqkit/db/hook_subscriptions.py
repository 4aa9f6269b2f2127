"""The states whose ends call hooks, cached in this process and read again once a second."""

import time
from typing import Any, Protocol

from pqkit.sql import compiled as sql
from pqkit.sql.statement import Statement

EVERY = 1.0


class Reader(Protocol):
    """The part of a transaction that runs queries."""

    def rows(self, statement: Statement, *values: Any) -> list[Any]: ...


class Hooked:
    """The states whose ends call hooks.

    ``caller`` makes the calls for ends in the states ``mine`` that this process commits. If it is no worker in the
    registry, other processes leave these calls to it for ``hold`` µs.
    """

    def __init__(self) -> None:
        self.caller, self.hold = 0, 0
        self.mine: frozenset[str] = frozenset()
        self._everybodys: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    def serve(self, caller: int, states: frozenset[str], hold: int) -> None:
        """Let this process call hooks from now on."""
        self.caller, self.mine, self.hold = caller, states, hold
        self._read_at = float("-inf")

    def states(self, tx: Reader) -> frozenset[str]:
        """The states for which any process has hooks."""
        now = time.monotonic()
        if now - self._read_at >= EVERY:
            self._everybodys = self.mine.union(state for (state,) in tx.rows(sql.HOOKED_STATES))
            self._read_at = now
        return self._everybodys
