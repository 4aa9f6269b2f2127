"""An attempt that has ended and is not recorded yet."""

from typing import NamedTuple

from pqkit.domain.outcomes import Claim, Outcome


class Finished(NamedTuple):
    """An ended attempt; microseconds UTC, ``started_at`` is None if it never started."""

    claim: Claim
    outcome: Outcome
    started_at: int | None
    ended_at: int
