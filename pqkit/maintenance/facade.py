"""The maintenance verbs of a queue: idempotent, in bounded batches, safe to run twice."""

from typing import NamedTuple

from pqkit.db import system_clock
from pqkit.domain.durations import SECOND
from pqkit.domain.states import JobState
from pqkit.leasing.run_metrics import merge
from pqkit.maintenance import base
from pqkit.maintenance.downsampler import widen_samples
from pqkit.maintenance.leader import Leader
from pqkit.maintenance.pruner import Pruner, Which
from pqkit.maintenance.rescuer import Rescuer
from pqkit.maintenance.staged_files import StagedFiles
from pqkit.maintenance.stager import Stager
from pqkit.sql import compiled as sql

OTHERS = 2
KERNEL_SLACK = 3 * SECOND
FAILURES_KEPT = 86_400 * SECOND


class Agenda(NamedTuple):
    """Possible work: due times (microseconds UTC), flags, and the newest action on record.

    ``next_due`` is the next delayed job's time, ``next_tick`` the next slot of a schedule. The flags tell whether jobs
    wait for others, files for their rename, and redrives for a step.
    """

    next_due: int | None
    next_tick: int | None
    dependents: bool
    files: bool
    redrives: bool
    last_action: int


NOTHING = Agenda(None, None, dependents=False, files=False, redrives=False, last_action=0)


class Deed(NamedTuple):
    """An operator's action on record; ``detail`` is a JSON object."""

    id: int
    who: str
    verb: str
    job_id: int | None
    reason: str | None
    detail: str


class Upkeep(Leader, Stager, Rescuer, StagedFiles):
    """The maintenance verbs."""

    def clock_off(self, worker_id: int) -> float:
        """Seconds by which this process's wall clock differs from the other workers' of this boot.

        It is 0 if a server's clock decides, or if the others disagree or are too few: two are needed, or one and the
        kernel's clock, since two clocks alone cannot tell which is wrong.
        """
        boot, reading = self._database.lease_moment()
        if reading is None:
            return 0.0
        mine = self._database.now() - reading
        others: list[int] = sorted(ahead for (ahead,) in self._database.rows(sql.CLOCKS_AHEAD, boot, worker_id))
        if len(others) == 1 and (kernel := system_clock.kernel_wall()) is not None:
            agreed = abs(kernel - reading - others[0]) < KERNEL_SLACK
        else:
            agreed = len(others) >= OTHERS and others[-1] - others[0] <= SECOND
        return (mine - others[0]) / SECOND if agreed else 0.0

    def agenda(self) -> Agenda:
        """Find the possible work in one query."""
        return Agenda._make(self._database.row(sql.AGENDA))

    def next_due(self) -> int | None:
        """When the next delayed job is due, in microseconds UTC."""
        due: int | None = self._database.row(sql.NEXT_DUE)[0]
        return due

    def actions_since(self, action_id: int) -> list[Deed]:
        """The operators' actions after that one, oldest first, at most one batch."""
        with self._database.read() as tx:
            return [Deed(*row) for row in tx.rows(sql.ACTIONS_SINCE, action_id, base.BATCH)]

    def prune(self, state: JobState, before: int) -> int:
        """Delete, under seal, jobs that ended in ``state`` before ``before`` (µs UTC); count them."""
        return sum(batch.jobs for batch in Pruner(self._database, "maintenance").prune(Which(state, before)))

    def forget(self, before: int) -> None:
        """Delete records of workers that ended and of refused finishes, both before that moment."""
        with self._database.write() as tx:
            tx.run(sql.FORGET_REFUSALS, before)
            tx.run(sql.FORGET_WORKERS, before)
            tx.run(sql.FORGET_DUTY_FAILURES, self._database.now() - FAILURES_KEPT)

    def merge_rollups(self, now: int | None = None) -> int:
        """Merge old roll-ups and samples into wider rows, and delete the oldest.

        Returns by how many the roll-ups decreased.
        """
        now = self._database.now() if now is None else now
        with self._database.write() as tx:
            widen_samples(tx, now)
            return merge(tx, now)
