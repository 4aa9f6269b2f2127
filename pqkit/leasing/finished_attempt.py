"""An attempt that has ended, before its end is on record."""

from typing import NamedTuple

from pqkit.domain.outcomes import Claim, Outcome


class Finished(NamedTuple):
    """An attempt that has ended; times in microseconds UTC, ``started_at`` None where it never started."""

    claim: Claim
    outcome: Outcome
    started_at: int | None
    ended_at: int
