"""How a redrive goes on: a few jobs first, then twice as many each time, until too many of them fail again."""

from enum import StrEnum
from typing import NamedTuple

CANARY, MOST_AT_ONCE, TOLERANCE = 5, 500, 0.2
MAX_JOBS = 100_000


class RedriveState(StrEnum):
    """``stopped`` by a person or by itself, ``undone`` where what was not claimed was put back."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    UNDONE = "undone"


class Fate(StrEnum):
    """What became of one job of a redrive: not yet resubmitted, resubmitted and open, completed (or called off),
    failed again, left alone for a reason, or put back as it had been."""

    WAITING = "waiting"
    SENT = "sent"
    WELL = "well"
    AGAIN = "again"
    REFUSED = "refused"
    UNDONE = "undone"


class Plan(NamedTuple):
    """``canary`` jobs go first, no step has more than ``most``, a share of more than ``tolerance`` that fails again
    stops the rest. ``step`` is the size of the last step."""

    canary: int
    most: int
    tolerance: float
    step: int = 0


class Tally(NamedTuple):
    """How many jobs of a redrive have which fate."""

    waiting: int = 0
    sent: int = 0
    well: int = 0
    again: int = 0
    refused: int = 0
    undone: int = 0


class Next(NamedTuple):
    """What to do now: resubmit ``send`` jobs, or end in ``state`` because of ``note``; neither is to wait."""

    send: int = 0
    state: RedriveState | None = None
    note: str | None = None


def decide(plan: Plan, seen: Tally) -> Next:
    """The next step. The first is judged whole before there is a second; later ones when half of one is over."""
    judged = seen.well + seen.again
    if seen.again > plan.tolerance * max(judged, plan.canary):
        return Next(state=RedriveState.STOPPED, note=f"{seen.again} of {judged} failed again")
    if not seen.waiting:
        return Next() if seen.sent else Next(state=RedriveState.DONE)
    if not plan.step:
        return Next(send=plan.canary)
    open_ones = 0 if plan.step <= plan.canary else plan.step // 2
    return Next() if seen.sent > open_ones else Next(send=min(2 * plan.step, plan.most))
