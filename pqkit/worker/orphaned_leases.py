"""Finds leases recorded for this worker that it is not running, and gives them back.

A server that was killed at durability ``normal``, or replaced by a standby that lagged behind, has lost its last
commits. Accepted finishes are undone then, and their jobs are leased again to a worker that has finished them.
"""

import time

from pqkit.db import Database
from pqkit.leasing.unconfirmed_commits import returned
from pqkit.queue import Finished, Leases
from pqkit.worker.slots import Slots

WORDS = "its worker does not know of it"


class Forgotten:
    """Returns leases that are unknown at two checks in a row: a job may end during one check."""

    def __init__(self, leases: Leases, slots: Slots, database: Database, every: float) -> None:
        self._leases, self._slots, self._database, self._every = leases, slots, database, every
        self._unknown: set[tuple[int, int]] = set()
        self._next = time.monotonic() + every

    def found(self) -> list[Finished]:
        """Return the uncharged ends of those leases. Call it between claims, in the claiming thread."""
        if time.monotonic() < self._next:
            return []
        held = self._leases.held_for(self._every)
        known = self._slots.known()
        unknown = {(claim.job_id, claim.attempt): (claim, asked) for claim, asked in held if claim.job_id not in known}
        twice, self._unknown = self._unknown & unknown.keys(), unknown.keys() - self._unknown
        self._next = time.monotonic() + (1.0 if self._unknown else self._every)
        now = self._database.now()
        return [returned(*unknown[which], now, WORDS) for which in sorted(twice)]
