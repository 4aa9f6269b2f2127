"""Graceful shutdown: the grace period for running handlers, and the forced end of the rest."""

import time
from collections.abc import Callable

from pqkit.db import Wake
from pqkit.process.linux import StopCount
from pqkit.worker.executor import Run
from pqkit.worker.heartbeat import Ill

FORCED_WITHIN = 5.0


class Grace:
    """The grace period for ``runs``: at most ``seconds``, and shorter if a stop is asked twice.

    ``ill`` is called repeatedly, because a stopping worker may fall ill while it waits.
    """

    def __init__(
        self,
        seconds: float,
        stops: StopCount,
        runs: Callable[[], list[Run]],
        ill: Callable[[], Ill | None],
        wake: Wake,
    ) -> None:
        self._seconds, self._stops, self._runs, self._ill, self._wake = seconds, stops, runs, ill, wake

    def wait(self, flush: Callable[[], None]) -> None:
        """Wait for the handlers, and ``flush`` those that end."""
        begun = time.monotonic()
        while self._runs() and self._lasts(begun):
            self._wake.wait_for_set(0.05)
            flush()

    def force(self) -> None:
        """Force children and async handlers to end, but not those in a blocked event loop."""
        forced = [run for run in self._runs() if run.force is not None and not (run.blocks or run.held_up)]
        for run in forced:
            run.ask("stop_asked", time.monotonic())
            if run.force is not None:
                run.force()
        begun = time.monotonic()
        while any(run in forced for run in self._runs()) and time.monotonic() - begun < FORCED_WITHIN:
            self._wake.wait_for_set(0.05)

    def _lasts(self, begun: float) -> bool:
        ill = self._ill()
        if ill is Ill.DISOWNED:
            return False
        only_stuck = ill is Ill.STUCK and all(run.held_up or self._is_overdue(run) for run in self._runs())
        return self._stops.told < 2 and not only_stuck and time.monotonic() - begun < self._seconds

    def _is_overdue(self, run: Run) -> bool:
        asked = (run.timed_out or run.cancel_asked) and run.asked_at is not None
        return bool(asked) and time.monotonic() - (run.asked_at or 0) > self._seconds
