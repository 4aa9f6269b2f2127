"""Paces a redrive: few jobs first, then twice as many each step, until too many fail again."""

from enum import StrEnum
from typing import NamedTuple

CANARY, MOST_AT_ONCE, TOLERANCE = 5, 500, 0.2
MAX_JOBS = 100_000


class RedriveState(StrEnum):
    """A redrive's state: a person or its own rule ``stopped`` it, or an undo put its jobs back."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    UNDONE = "undone"


class Fate(StrEnum):
    """The state of one job in a redrive.

    In order: not yet resubmitted, resubmitted and open, completed (or canceled), failed again, skipped for a reason, or
    put back as it was.
    """

    WAITING = "waiting"
    SENT = "sent"
    WELL = "well"
    AGAIN = "again"
    REFUSED = "refused"
    UNDONE = "undone"


class Plan(NamedTuple):
    """A redrive's pace: ``canary`` jobs go first, and at most ``most`` in a step.

    If a share of more than ``tolerance`` fails again, the rest stops. ``step`` is the size of the last step.
    """

    canary: int
    most: int
    tolerance: float
    step: int = 0


class Tally(NamedTuple):
    """The number of a redrive's jobs by fate."""

    waiting: int = 0
    sent: int = 0
    well: int = 0
    again: int = 0
    refused: int = 0
    undone: int = 0


class Next(NamedTuple):
    """The next action: resubmit ``send`` jobs or end in ``state`` for ``note``; else wait."""

    send: int = 0
    state: RedriveState | None = None
    note: str | None = None


def decide(plan: Plan, seen: Tally) -> Next:
    """Choose the next step.

    The second step waits until all of the first has ended, a later one until half of the last has.
    """
    judged = seen.well + seen.again
    if seen.again > plan.tolerance * max(judged, plan.canary):
        return Next(state=RedriveState.STOPPED, note=f"{seen.again} of {judged} failed again")
    if not seen.waiting:
        return Next() if seen.sent else Next(state=RedriveState.DONE)
    if not plan.step:
        return Next(send=plan.canary)
    open_ones = 0 if plan.step <= plan.canary else plan.step // 2
    return Next() if seen.sent > open_ones else Next(send=min(2 * plan.step, plan.most))
