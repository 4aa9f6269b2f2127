"""Handles an exchange whose commit was not answered: it may or may not have committed.

The fence settles its finishes, and the attempt history does where the fence refuses. Its claims are unknown to this
worker: they are found by the time of the claim and given back, uncharged.
"""

import time
from collections.abc import Sequence

from pqkit.db import Transaction
from pqkit.domain.outcomes import Cancel, Claim, ended_by, released
from pqkit.leasing.finish import settle_each
from pqkit.leasing.finished_attempt import Finished
from pqkit.sql import compiled as sql

# A server that was cut off may still commit; within this time it notices the cut itself.
LASTS = 60.0
MOST = 10_000
WORDS = "its claim was committed and not answered"


class Doubts:
    """The times of claims that may have been committed without an answer."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}

    def __bool__(self) -> bool:
        now = time.monotonic()
        self._until = {moment: until for moment, until in self._until.items() if until > now}
        return bool(self._until)

    def note(self, claimed_at: Sequence[int]) -> None:
        """Note a failed commit of an exchange; ``claimed_at`` is empty if it had claimed nothing."""
        self._until |= dict.fromkeys(claimed_at or [0], time.monotonic() + LASTS)

    def give_back(self, tx: Transaction, worker_id: int, now: int) -> None:
        """Release leases that the worker was never told about."""
        rows = tx.rows(sql.LEASES_OF, worker_id, MOST)
        unknown = [(Claim._make(row[:-1]), row[-1]) for row in rows]
        settle_each(tx, [returned(c, asked, now, WORDS) for c, asked in unknown if c.claimed_at in self._until])


def returned(claim: Claim, cancel_asked: int | None, now: int, words: str) -> Finished:
    """End an unused lease: uncharged, or canceled if that was requested."""
    outcome = released(words) if cancel_asked is None else ended_by(claim, Cancel(words))
    return Finished(claim, outcome, None, max(now, claim.claimed_at))
