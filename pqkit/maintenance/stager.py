"""Moves due jobs to ``ready``."""

from pqkit.maintenance import base
from pqkit.maintenance.base import Verbs
from pqkit.sql import compiled as sql


class Stager(Verbs):
    """Moves due jobs."""

    def stage(self, now: int | None = None) -> int:
        """Move due jobs to ``ready``; return the number of jobs."""
        now = self._database.now() if now is None else now
        count = 0
        while True:
            with self._database.write() as tx:
                due = tx.rows(sql.DUE, now, base.BATCH)
                tx.run_many(sql.DELETE_DELAYED, [(job_id, due_at) for due_at, job_id, *_ in due])
                tx.run_many(sql.INSERT_READY, [_ready(*row[:-1]) for row in due])
                tx.run_many(sql.MARK_KEY, [(*row[2:4], row[1]) for row in due if row[-1] is not None])
            count += len(due)
            if len(due) < base.BATCH:
                return count


def _ready(due: int, job_id: int, queue: str, priority: int, *rest: object) -> tuple[object, ...]:
    attempt, retries, crashes, assigned_to = rest
    return queue, priority, job_id, attempt, retries, crashes, 0, assigned_to, due
