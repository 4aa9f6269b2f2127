"""Rescues dead workers' jobs: returns their leases, ends their processes, records the death."""

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
    """A rescued worker: the reason, its jobs' fate, and the ended processes of its handlers.

    ``excused``: the death is no evidence against a job.
    """

    worker: str
    reason: str
    requeued: list[int]
    quarantined: list[int]
    ended: list[orphans.Ended]
    excused: bool = False


class Rescuer(Verbs):
    """Finds dead workers and rescues their jobs."""

    def rescue(self, stale_after: float | None) -> list[Rescued]:
        """Return the jobs of dead workers.

        A worker is dead after ``stale_after`` seconds without a heartbeat; with None, only if its process is gone.
        """
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
                return None  # it has sent a heartbeat since it was read: it is alive
            tx.run(sql.DELETE_WORKER_TASKS, worker.id)
            # Before its jobs are freed: a process it started must not run beside a job's next run.
            found.ended.extend(_end_offspring(worker))
            # All in one transaction: a worker with an end on record holds no lease that it could finish.
            more = self._free_some(tx, worker.id, found, may_charge=True)
            while more:
                more = self._free_some(tx, worker.id, found, may_charge=False)
            # Last, with the clock as it is now, since finishes that this transaction waited for came first.
            tx.run(sql.BURY_WORKER, self._database.now(), reason, worker.id, worker.beat)
        return found

    def _free(self, worker_id: int, found: Rescued) -> Rescued:
        """Free the leases of a worker that ended in another way, perhaps not because of a job."""
        more = True
        while more:
            with self._database.write() as tx:
                more = self._free_some(tx, worker_id, found, may_charge=False)
        return found

    def _free_some(self, tx: Transaction, worker_id: int, found: Rescued, *, may_charge: bool) -> bool:
        """Free a batch of the worker's leases and add it to ``found``; True if there may be more."""
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
    """End the processes that a dead worker's handlers left.

    The worker's own process is spared: it may be frozen, or its pid may belong to another process by now.
    """
    if worker.pid_space != system_clock.pid_space():
        return []
    same = system_clock.process_start(worker.pid) == worker.process_start
    return orphans.end(str(worker.id), spare=worker.pid if same else None)


def _claim_and_wish(row: tuple[object, ...]) -> tuple[Claim, object]:
    return Claim._make(row[:-1]), row[-1]


def _lost(claim: Claim, cancel_asked: object, reason: str, *, alone: bool) -> Outcome:
    """The outcome of a dead worker's lease.

    A job alone in its worker is charged with a crash; jobs that ran together only become suspects.
    """
    summary = f"its worker died ({reason})"
    if cancel_asked is not None:
        return Outcome("crashed", JobState.CANCELED, error=summary, summary="canceled; its worker died meanwhile")
    if alone:
        return crashed(claim, summary)
    return Outcome("crashed", JobState.PENDING, error=summary, summary=summary)


def _excused(reason: str) -> Outcome:
    """The outcome of a lease whose worker's death is no evidence: uncharged, no suspect."""
    return released(f"its worker died ({reason})")
