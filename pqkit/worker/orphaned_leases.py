"""Leases in a worker's name of which it knows nothing, so that nobody would ever end them.

A server that was ended at durability ``normal``, or replaced by a standby that had fallen behind, has lost the last
commits: finishes that were accepted are undone, and their jobs are held again by a worker that is done with them.
"""

import time

from pqkit.db import Database
from pqkit.leasing.unconfirmed_commits import returned
from pqkit.queue import Finished, Leases
from pqkit.worker.slots import Slots

WORDS = "its worker does not know of it"


class Forgotten:
    """Looks now and then; what is unknown twice in a row is to be given back, for a job may end during a look."""

    def __init__(self, leases: Leases, slots: Slots, database: Database, every: float) -> None:
        self._leases, self._slots, self._database, self._every = leases, slots, database, every
        self._unknown: set[tuple[int, int]] = set()
        self._next = time.monotonic() + every

    def found(self) -> list[Finished]:
        """How those leases end; uncharged. Call it where claims are made, so that none is made meanwhile."""
        if time.monotonic() < self._next:
            return []
        held = self._leases.held_for(self._every)
        known = self._slots.known()
        unknown = {(claim.job_id, claim.attempt): (claim, asked) for claim, asked in held if claim.job_id not in known}
        twice, self._unknown = self._unknown & unknown.keys(), unknown.keys() - self._unknown
        self._next = time.monotonic() + (1.0 if self._unknown else self._every)
        now = self._database.now()
        return [returned(*unknown[which], now, WORDS) for which in sorted(twice)]
