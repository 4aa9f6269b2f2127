"""What becomes of an exchange whose commit was not answered: it may stand or not, and the connection cannot tell.

What it finished is settled by the fence, and by the history where the fence says no. What it may have claimed, nobody
here knows of: it is looked for by the moment of the claim and given back, uncharged.
"""

import time
from collections.abc import Sequence

from pqkit.db import Transaction
from pqkit.domain.outcomes import Cancel, Claim, ended_by, released
from pqkit.leasing.finish import settle_each
from pqkit.leasing.finished_attempt import Finished
from pqkit.sql import compiled as sql

# A server that was cut off may still carry out a commit; by then it has noticed the cut itself.
LASTS = 60.0
MOST = 10_000
WORDS = "its claim was committed and not answered"


class Doubts:
    """The moments of claims that may stand although nobody was told."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}

    def __bool__(self) -> bool:
        now = time.monotonic()
        self._until = {moment: until for moment, until in self._until.items() if until > now}
        return bool(self._until)

    def note(self, claimed_at: Sequence[int]) -> None:
        """The commit of an exchange failed; there are no moments where it had claimed nothing yet."""
        self._until |= dict.fromkeys(claimed_at or [0], time.monotonic() + LASTS)

    def give_back(self, tx: Transaction, worker_id: int, now: int) -> None:
        """Release what the worker was never told that it holds."""
        rows = tx.rows(sql.LEASES_OF, worker_id, MOST)
        unknown = [(Claim._make(row[:-1]), row[-1]) for row in rows]
        settle_each(tx, [returned(c, asked, now, WORDS) for c, asked in unknown if c.claimed_at in self._until])


def returned(claim: Claim, cancel_asked: int | None, now: int, words: str) -> Finished:
    """How a lease ends that nobody makes use of: uncharged, or canceled where that was asked."""
    outcome = released(words) if cancel_asked is None else ended_by(claim, Cancel(words))
    return Finished(claim, outcome, None, max(now, claim.claimed_at))
