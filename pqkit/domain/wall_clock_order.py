"""Which of two moments came first, where the wall clock was set between them? Pure, over the steps on record.

A step says from which reading of the clock that nobody sets the wall clock was how far ahead of it, in which boot. A
moment of the wall clock may be explained by several of them; only what no explanation excuses is an accusation.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

FOR_EVER = 2**62
# Two readings differ by less in one process; by more only where the clock was set.
NEAR = 2_000_000
SEEN_EVERY = 10_000_000
"""Microseconds: of the last write before a boot ends, or a step, it is known to so much when it was."""
Place = tuple[int, int]
"""(number of the boot, reading of the clock that nobody sets there)."""


class Step(NamedTuple):
    """From ``at`` on in that boot the wall clock was ``ahead`` so many microseconds. It was seen so at ``last_at``, and
    not much later; None where an older version did not put that on record."""

    boot_id: str
    at: int
    ahead: int
    last_at: int | None = None


class Epoch(NamedTuple):
    """A span in which nobody set the wall clock, which said ``begun`` at the first write in it."""

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
    """The wall clock of a database, as its steps tell."""

    epochs: tuple[Epoch, ...] = ()

    @cached_property
    def was_set_back(self) -> bool:
        """Else the moments themselves tell the order."""
        return any(after.begun < before.until + before.ahead for before, after in pairwise(self.epochs))

    def places(self, moment: int) -> list[Place]:
        """Where the moment may have been; where no step explains it, such as a moment to come, anywhere."""
        if not self.was_set_back:
            return [(0, moment)]
        found = [place for epoch in self.epochs if (place := epoch.place_of(moment)) is not None]
        return found or [(epoch.boot, moment - epoch.ahead) for epoch in self.epochs]

    def ends(self, claimed_at: int, ended_at: int) -> list[Place]:
        """Where a run may have ended: by the moment, or by how long it took since it was claimed."""
        took = ended_at - claimed_at
        by_claim = [(boot, end) for boot, at in self.places(claimed_at) if self._lasted(boot, end := at + took)]
        return self.places(ended_at) + (by_claim if took >= 0 else [])

    def _lasted(self, boot: int, reading: int) -> bool:
        """Whether that boot went on until then."""
        return reading <= max((epoch.until for epoch in self.epochs if epoch.boot == boot), default=FOR_EVER) + NEAR

    def reached(self, moment: int, ended: Iterable[Place], claimed: Iterable[Place]) -> bool:
        """Whether the wall clock may have shown that moment or a later one between those places."""
        first, last = min(ended), max(claimed)
        for epoch in self.epochs:
            end = min(epoch.until, last[1]) if epoch.boot == last[0] else epoch.until
            begun = (epoch.boot, epoch.since) <= last and (epoch.boot, epoch.until) >= first
            if begun and end >= epoch.since and end + epoch.ahead >= moment - NEAR:
                return True
        return False

    def unset_for(self, now: int) -> int:
        """For how many microseconds nobody has set it."""
        return now - self.epochs[-1].ahead - self.epochs[-1].since if self.epochs else FOR_EVER


def surely_before(some: Iterable[Place], others: Iterable[Place], slack: int) -> bool:
    """Whether the first moment was earlier than the second by more than ``slack``, however both are explained."""
    later = min(others)
    boot, reading = max(some)
    return boot < later[0] or (boot == later[0] and reading < later[1] - slack)


def wall_clock(steps: Iterable[Step]) -> WallClock:
    """From the steps in the order in which they were put on record."""
    return WallClock(tuple(_epochs(list(steps))))


def _epochs(steps: list[Step]) -> Iterator[Epoch]:
    boot, since = 0, -FOR_EVER
    for step, after in pairwise([*steps, None]):
        assert step is not None
        yield Epoch(boot, since, _until(step, after), step.ahead, step.at + step.ahead)
        boot += after is None or after.boot_id != step.boot_id
        since = -FOR_EVER if after is None else after.at


def _until(step: Step, after: Step | None) -> int:
    """Until when the clock may have been so, on the clock that nobody sets."""
    if after is not None and after.boot_id == step.boot_id:
        return after.at
    if step.last_at is not None:
        return step.last_at + SEEN_EVERY
    # Only the wall clock tells when another boot began, unless it was set back meanwhile.
    return FOR_EVER if after is None else max(step.at, after.at + after.ahead - step.ahead)
