"""Finds jobs that were claimed beyond the limits of their queue. Pure, over recorded rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from pqkit.domain.durations import SECOND
from pqkit.domain.queue_limits import PLAIN, QueueSettings
from pqkit.domain.wall_clock_order import WallClock
from pqkit.redaction.redact import redact

# The clocks of two processes may differ slightly; only a longer overlap means that two runs overlapped.
SLACK = 100_000
# A claim that is under way while a setting changes may still use the old setting.
SETTLING = SECOND
UNTIL_NOW = 2**62


class Started(NamedTuple):
    """A run, or a lease (``ended_at`` is None); microseconds UTC."""

    job_id: int
    key: str | None
    claimed_at: int
    ended_at: int | None


class Change(NamedTuple):
    """The settings of a queue, in force from ``at`` on."""

    at: int
    settings: QueueSettings


def crowded(runs: Iterable[Started], changes: Sequence[Change]) -> Mapping[int, str]:
    """Find the jobs of one queue that were claimed although a limit left no room.

    ``runs`` come in the order of their claims, ``changes`` in the order in which they were made. Returns the broken
    limit in words, by job id.
    """
    found: dict[int, str] = {}
    crowd, coming = _Crowd(), list(reversed(changes))
    for run in runs:
        while coming and coming[-1].at <= run.claimed_at:
            crowd.change(coming.pop())
        words = crowd.join(run)
        if words and run.claimed_at - crowd.since > SETTLING:
            found[run.job_id] = words
    return found


def unset(
    runs: Iterable[Started], changes: Sequence[Change], clock: WallClock
) -> tuple[Iterable[Started], Sequence[Change]]:
    """Translate runs and changes to the monotonic clock, when the wall clock was set back.

    Runs whose time is ambiguous are left out. If the time of any change is ambiguous, both results are empty.
    """
    if not clock.was_set_back:
        return runs, changes
    told = [(clock.places(change.at), change) for change in changes]
    if len({boot for places, _ in told for boot, _ in places}) > 1 or any(len(places) > 1 for places, _ in told):
        return [], []
    boot = told[0][0][0][0]
    placed = [
        run._replace(claimed_at=reading, ended_at=None if run.ended_at is None else reading + took)
        for run in runs
        for where, reading in [clock.places(run.claimed_at)[0]]
        for took in [max(0, (run.ended_at or 0) - run.claimed_at)]
        if where == boot and len(clock.places(run.claimed_at)) == 1
    ]
    return sorted(placed, key=lambda run: run.claimed_at), [change._replace(at=places[0][1]) for places, change in told]


class _Crowd:
    """The runs in progress in a queue, replayed in the order of the record."""

    def __init__(self) -> None:
        self.since = 0
        self._settings = PLAIN
        self._full_at: int | None = None
        self._all: list[int] = []
        self._of_key: defaultdict[str, list[int]] = defaultdict(list)

    def change(self, change: Change) -> None:
        self.since, self._settings = change
        self._full_at = None

    def join(self, run: Started) -> str | None:
        """Add one run; return the limit that it broke, in words, or None."""
        words = self._too_many(run) or self._too_soon(run.claimed_at)
        for running in (self._all, *([] if run.key is None else [self._of_key[run.key]])):
            heappush(running, UNTIL_NOW if run.ended_at is None else run.ended_at)
        if self._settings.rate is not None:
            self._full_at = self._settings.spent(self._full_at, run.claimed_at, 1)
        return words

    def _too_many(self, run: Started) -> str | None:
        limits = self._settings
        others = _still(self._all, run.claimed_at)
        if limits.concurrency is not None and others >= limits.concurrency:
            return f"it was claimed while {others} others of its queue ran, of {limits.concurrency} at most"
        if run.key is None or limits.key_concurrency is None:
            return None
        others = _still(self._of_key[run.key], run.claimed_at)
        if others < limits.key_concurrency:
            return None
        of_key = f"others of its key {redact(run.key)} ran, of {limits.key_concurrency} at most"
        return f"it was claimed while {others} {of_key}"

    def _too_soon(self, now: int) -> str | None:
        if self._settings.free(self._full_at, now + SLACK) > 0:
            return None
        rate, per = self._settings.rate, self._settings.rate_per or 1
        return f"it was claimed before the rate of its queue, {rate} in {per:g} s, let it, or the clock was set back"


def _still(running: list[int], now: int) -> int:
    """Count the end times that are still to come, and drop the others."""
    while running and running[0] <= now + SLACK:
        heappop(running)
    return len(running)
