"""Retention as a duty: prunes old ended jobs in short steps, beside other work."""

import time
from collections.abc import Iterator

from pqkit.db import Database
from pqkit.log import get_logger
from pqkit.maintenance.pruner import Keeps, Pruned, Pruner
from pqkit.settings import Settings

LOOK_EVERY = 60.0
AT_ONCE = 0.1


class Retention:
    """Prunes by the settings, for at most ``AT_ONCE`` seconds at each step."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self._batches: Iterator[Pruned] | None = None
        self._next = 0.0
        self._log = get_logger("maintenance")

    def step(self, now: float) -> None:
        """Continue pruning; when nothing is left, look again after a minute.

        ``now`` is in monotonic seconds.
        """
        if self._batches is None:
            if now < self._next:
                return
            self._next = now + LOOK_EVERY
            self._batches = self._prune()
        end = time.monotonic() + AT_ONCE
        try:
            while time.monotonic() < end:
                next(self._batches)
        except BaseException as error:
            self._batches = None
            if not isinstance(error, StopIteration):
                raise

    def _prune(self) -> Iterator[Pruned]:
        pruner = Pruner(self._database, "retention", self._settings.archive)
        keeps = Keeps(self._settings.keep_completed, self._settings.keep_dead)
        for which in pruner.expired(keeps, self._database.now()):
            jobs, kept = 0, list[int]()
            for batch in pruner.prune(which):
                jobs, kept = jobs + batch.jobs, kept + batch.kept
                yield batch
            if jobs:
                self._log.info("pruned old jobs", state=str(which.state), jobs=jobs)
            if kept:
                self._log.error("jobs whose record breaks a promise are not pruned, ask `pqkit audit`", jobs=kept[:20])
