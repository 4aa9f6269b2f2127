"""Were more jobs of one limit key claimed at once than their queue allowed? Pure, over what is on record."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

# Clocks of two processes may differ a little; what overlaps for longer ran at the same time.
SLACK = 100_000
UNTIL_NOW = 2**62


class KeyRun(NamedTuple):
    """A run, or a lease (``ended_at`` None), of a job that has a limit key; microseconds UTC."""

    job_id: int
    queue: str
    key: str
    claimed_at: int
    ended_at: int | None


class KeyLimit(NamedTuple):
    """From ``at`` on ``most`` jobs of a key may run at once in the queue; None: any number."""

    queue: str
    at: int
    most: int | None


def crowded(runs: Iterable[KeyRun], limits: Sequence[KeyLimit]) -> Mapping[int, str]:
    """The jobs that were claimed although their key had no room, each in words."""
    found: dict[int, str] = {}
    going: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.claimed_at):
        others = going[run.queue, run.key]
        while others and others[0] <= run.claimed_at + SLACK:
            heappop(others)
        most = _limit_at(limits, run.queue, run.claimed_at)
        if most is not None and len(others) >= most:
            found[run.job_id] = f"it was claimed while {len(others)} others of its key {run.key} ran, of {most} at most"
        heappush(others, UNTIL_NOW if run.ended_at is None else run.ended_at)
    return found


def _limit_at(limits: Sequence[KeyLimit], queue: str, moment: int) -> int | None:
    """The limit in force, which must have been so for a moment: a claim may have begun before it."""
    said = [limit for limit in limits if limit.queue == queue and limit.at <= moment]
    return None if not said or moment - said[-1].at <= SLACK else said[-1].most
