"""Finishes the renames of staged files after their worker died."""

from collections.abc import Sequence
from typing import NamedTuple

from pqkit.files import put_in_place
from pqkit.maintenance import base
from pqkit.maintenance.base import Verbs
from pqkit.sql import compiled as sql


class Renamed(NamedTuple):
    """The number of staged files put in place, and a line for each that could not be."""

    files: int
    refused: list[str]


class StagedFiles(Verbs):
    """Renames accepted files to their targets."""

    def finish_files(self) -> Renamed:
        """Do the renames that dead workers left; leave failures for the next time."""
        found, last = Renamed(0, []), (0, "")
        while True:
            with self._database.read() as tx:
                intents = tx.rows(sql.INTENTS, *last, base.BATCH)
            placed, refused = self._finish_some(intents)
            found = Renamed(found.files + placed, found.refused + refused)
            if len(intents) < base.BATCH:
                return found
            last = intents[-1][:2]

    def _finish_some(self, intents: Sequence[tuple[int, str, str]]) -> Renamed:
        done, refused = [], []
        for job_id, staged, target in intents:
            try:
                put_in_place(staged, target)
                done.append((job_id, staged))
            except OSError as error:
                refused.append(f"job {job_id}: {target}: {error.strerror}")
        if done:
            with self._database.write() as tx:
                tx.run_many(sql.DELETE_INTENT, done)
        return Renamed(len(done), refused)
