"""Putting back what dead workers held: their leases, their handlers' processes, their end on record."""

from collections.abc import Sequence
from typing import NamedTuple

from pqkit.db import Transaction, system_clock
from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import Claim, Outcome, crashed, released
from pqkit.domain.states import JobState
from pqkit.leasing.finish import settle_each
from pqkit.leasing.finished_attempt import Finished
from pqkit.leasing.run_metrics import write_crashes
from pqkit.maintenance import base
from pqkit.maintenance.base import Verbs
from pqkit.maintenance.dead_workers import Living, death, is_machine_heard, judged
from pqkit.process import orphans
from pqkit.sql import compiled as sql

LEFT_BEHIND = "it left leases behind"


class Rescued(NamedTuple):
    """A worker found dead, why, what became of the jobs it held, and which processes of its handlers were ended.

    ``excused`` says that the end is no evidence against a job.
    """

    worker: str
    reason: str
    requeued: list[int]
    quarantined: list[int]
    ended: list[orphans.Ended]
    excused: bool = False


class Rescuer(Verbs):
    """The look for the dead, and their burial."""

    def rescue(self, stale_after: float | None) -> list[Rescued]:
        """Put back what dead workers held. ``stale_after`` seconds without a beat count as death; None asks only
        whether the process is gone."""
        boot, reading = self._database.lease_moment()
        holders = self._database.rows(sql.HOLDERS, reading, base.BATCH)
        orphaned = [row[0] for row in holders if row[1] is None]
        living = [Living(*row) for row in holders if row[1] is not None]
        here = self._database.machine_clock()
        dead = [(worker, reason) for worker in living if (reason := death(worker, boot, stale_after, here))]
        silence = (stale_after or 0.0) / 2 * SECOND
        rescued = [
            self._bury(worker, *judged(worker, reason, boot, is_machine_heard(worker, living, silence)))
            for worker, reason in dead
        ]
        rescued += [self._free(worker, Rescued(f"worker {worker}", LEFT_BEHIND, [], [], [])) for worker in orphaned]
        return [found for found in rescued if found]

    def _bury(self, worker: Living, reason: str, excused: bool) -> Rescued | None:
        found = Rescued(worker.name, reason, [], [], [], excused)
        with self._database.write() as tx:
            if tx.row(sql.LOCK_WORKER, worker.id, worker.beat) is None:
                return None  # it has beaten since the look: alive after all
            tx.run(sql.DELETE_WORKER_TASKS, worker.id)
            # Before its jobs are free, for what it ran must not go on beside their next run.
            found.ended.extend(_end_offspring(worker))
            # All in one transaction: whose end is on record has nothing left that it could finish.
            more = self._free_some(tx, worker.id, found, may_charge=True)
            while more:
                more = self._free_some(tx, worker.id, found, may_charge=False)
            # Last, and by the clock as it is now: finishes that were waited for came before it.
            tx.run(sql.BURY_WORKER, self._database.now(), reason, worker.id, worker.beat)
        return found

    def _free(self, worker_id: int, found: Rescued) -> Rescued:
        """What is held in the name of a worker that has ended otherwise; that a job has ended it is not certain."""
        more = True
        while more:
            with self._database.write() as tx:
                more = self._free_some(tx, worker_id, found, may_charge=False)
        return found

    def _free_some(self, tx: Transaction, worker_id: int, found: Rescued, *, may_charge: bool) -> bool:
        """Put back a batch of what the worker held and add it to ``found``; whether there may be more."""
        leases = tx.rows(sql.LEASES_OF, worker_id, base.BATCH)
        alone = may_charge and len(leases) == 1
        for finished in self._settle_lost(tx, leases, found.reason, alone=alone, excused=found.excused):
            target = found.requeued if finished.outcome.state is JobState.PENDING else found.quarantined
            target.append(finished.claim.job_id)
        return len(leases) == base.BATCH

    def _settle_lost(
        self, tx: Transaction, leases: Sequence[tuple[object, ...]], reason: str, *, alone: bool, excused: bool
    ) -> list[Finished]:
        now = self._database.now()
        lost = [
            Finished(
                c,
                _excused(reason) if excused and asked is None else _lost(c, asked, reason, alone=alone),
                None,
                max(now, c.claimed_at),
            )
            for c, asked in map(_claim_and_wish, leases)
        ]
        settle_each(tx, lost)
        write_crashes(tx, lost)
        return lost


def _end_offspring(worker: Living) -> list[orphans.Ended]:
    """End what a dead worker's handlers left; not its process, which may be frozen, or be another life by now."""
    if worker.pid_space != system_clock.pid_space():
        return []
    same = system_clock.process_start(worker.pid) == worker.process_start
    return orphans.end(str(worker.id), spare=worker.pid if same else None)


def _claim_and_wish(row: tuple[object, ...]) -> tuple[Claim, object]:
    return Claim._make(row[:-1]), row[-1]


def _lost(claim: Claim, cancel_asked: object, reason: str, *, alone: bool) -> Outcome:
    """A lease whose worker died. Alone in its worker it is charged; beside others each is only a suspect."""
    summary = f"its worker died ({reason})"
    if cancel_asked is not None:
        return Outcome("crashed", JobState.CANCELED, error=summary, summary="canceled; its worker died meanwhile")
    if alone:
        return crashed(claim, summary)
    return Outcome("crashed", JobState.PENDING, error=summary, summary=summary)


def _excused(reason: str) -> Outcome:
    """A lease whose worker's end says nothing against the job: uncharged, and no suspect."""
    return released(f"its worker died ({reason})")
