"""Orders two moments across wall-clock changes. Pure, over the recorded clock steps.

A step records, for one boot, the monotonic reading from which the wall clock was ahead of the monotonic clock by a
given amount. Several steps may explain one wall-clock time; an audit accuses only if no explanation excuses it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

FOR_EVER = 2**62
# Two readings in one process differ by less than this unless the clock was set.
NEAR = 2_000_000
SEEN_EVERY = 10_000_000
"""Microseconds: the precision with which the last write before a step or the end of a boot is known."""
Place = tuple[int, int]
"""(number of the boot, reading of its monotonic clock)."""


class Step(NamedTuple):
    """A wall-clock change: from ``at`` on in that boot, it is ``ahead`` microseconds ahead.

    It was last seen so at ``last_at``; None where an older version did not record it.
    """

    boot_id: str
    at: int
    ahead: int
    last_at: int | None = None


class Epoch(NamedTuple):
    """A span without a wall-clock change; ``begun`` is the wall-clock time of its first write."""

    boot: int
    since: int
    until: int
    ahead: int
    begun: int

    def place_of(self, moment: int) -> Place | None:
        reading = moment - self.ahead
        return (self.boot, reading) if self.since - NEAR <= reading <= self.until + NEAR else None


@dataclass(frozen=True)
class WallClock:
    """A database's wall clock, rebuilt from its recorded steps."""

    epochs: tuple[Epoch, ...] = ()

    @cached_property
    def was_set_back(self) -> bool:
        """True if the wall clock was set back; otherwise wall-clock times give the order."""
        return any(after.begun < before.until + before.ahead for before, after in pairwise(self.epochs))

    def places(self, moment: int) -> list[Place]:
        """Where the moment may have been; anywhere if no step explains it (such as a future moment)."""
        if not self.was_set_back:
            return [(0, moment)]
        found = [place for epoch in self.epochs if (place := epoch.place_of(moment)) is not None]
        return found or [(epoch.boot, moment - epoch.ahead) for epoch in self.epochs]

    def ends(self, claimed_at: int, ended_at: int) -> list[Place]:
        """Where a run may have ended: by its end time, or by its claim plus its duration."""
        took = ended_at - claimed_at
        by_claim = [(boot, end) for boot, at in self.places(claimed_at) if self._lasted(boot, end := at + took)]
        return self.places(ended_at) + (by_claim if took >= 0 else [])

    def _lasted(self, boot: int, reading: int) -> bool:
        """True if that boot lasted until then."""
        return reading <= max((epoch.until for epoch in self.epochs if epoch.boot == boot), default=FOR_EVER) + NEAR

    def reached(self, moment: int, ended: Iterable[Place], claimed: Iterable[Place]) -> bool:
        """True if the wall clock may have shown that moment or a later one between those places."""
        first, last = min(ended), max(claimed)
        for epoch in self.epochs:
            end = min(epoch.until, last[1]) if epoch.boot == last[0] else epoch.until
            begun = (epoch.boot, epoch.since) <= last and (epoch.boot, epoch.until) >= first
            if begun and end >= epoch.since and end + epoch.ahead >= moment - NEAR:
                return True
        return False

    def unset_for(self, now: int) -> int:
        """Microseconds since the wall clock was last set."""
        return now - self.epochs[-1].ahead - self.epochs[-1].since if self.epochs else FOR_EVER


def surely_before(some: Iterable[Place], others: Iterable[Place], slack: int) -> bool:
    """True if every explanation puts the first moment before the second by more than ``slack``."""
    later = min(others)
    boot, reading = max(some)
    return boot < later[0] or (boot == later[0] and reading < later[1] - slack)


def wall_clock(steps: Iterable[Step]) -> WallClock:
    """Build it from the steps in the order in which they were recorded."""
    return WallClock(tuple(_epochs(list(steps))))


def _epochs(steps: list[Step]) -> Iterator[Epoch]:
    boot, since = 0, -FOR_EVER
    for step, after in pairwise([*steps, None]):
        assert step is not None
        yield Epoch(boot, since, _until(step, after), step.ahead, step.at + step.ahead)
        boot += after is None or after.boot_id != step.boot_id
        since = -FOR_EVER if after is None else after.at


def _until(step: Step, after: Step | None) -> int:
    """The end of the step on the monotonic clock, at the latest."""
    if after is not None and after.boot_id == step.boot_id:
        return after.at
    if step.last_at is not None:
        return step.last_at + SEEN_EVERY
    # Only the wall clock tells when another boot began, unless it was set back in between.
    return FOR_EVER if after is None else max(step.at, after.at + after.ahead - step.ahead)
