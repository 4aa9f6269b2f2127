"""Mutants of maintenance; each is in place while its ``with`` block runs."""

# ruff: noqa: SLF001 - a mutant reaches into the code that it breaks

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from unittest.mock import patch

from sqlalchemy import BigInteger, Text, bindparam, select, update

from pqkit.db import Transaction
from pqkit.domain import outcomes, wall_clock_order
from pqkit.domain.outcomes import Claim
from pqkit.lab.simulation.databases import SimulatedDatabase, begin_another
from pqkit.maintenance import dead_workers, rescuer, staged_files
from pqkit.maintenance.duties import Watched
from pqkit.maintenance.runner import Maintainer
from pqkit.operations.operator import Deed, Operator
from pqkit.queue import Finished
from pqkit.sql import compiled as sql
from pqkit.sql.definitions import operations as operating
from pqkit.sql.definitions import prune as pruning
from pqkit.sql.definitions import workers
from pqkit.sql.definitions.builder import Declared, up_to
from pqkit.sql.definitions.tables import CLOSED, INTENT, WORKER


def rescue_by_id() -> AbstractContextManager[object]:
    """Bury a worker although it has sent a heartbeat since the check."""
    worker = WORKER.c
    buried = update(WORKER).where(
        worker.id == bindparam("worker"), bindparam("seen_beat", type_=BigInteger).is_not(None)
    )
    buried = buried.values(ended_at=bindparam("now"), end_reason=bindparam("why"))
    found = select(worker.id).where(
        worker.id == bindparam("worker"), bindparam("seen_beat", type_=BigInteger).is_not(None)
    )
    stack = ExitStack()
    for name, core in (("LOCK_WORKER", found), ("BURY_WORKER", buried)):
        stack.enter_context(patch.object(sql, name, Declared(core, getattr(workers, name).params).compile()))
    return stack


def counted_at_failure() -> AbstractContextManager[object]:
    """Count a run only when it fails: a lost run leaves no row."""

    def settle_lost(
        _self: rescuer.Rescuer,
        tx: Transaction,
        rows: Sequence[tuple[object, ...]],
        _reason: str,
        *,
        alone: bool,
        **_: object,
    ) -> list[Finished]:
        for row in rows:
            claim = Claim._make(row[:-1])
            tx.run(sql.DELETE_LEASE, claim.job_id, claim.attempt, claim.worker_id)
            place = (claim.queue, claim.priority, claim.job_id, claim.attempt - 1, claim.retries, claim.crashes)
            tx.run(sql.INSERT_READY, *place, int(not alone), None, claim.claimed_at)
        return []

    return patch.object(rescuer.Rescuer, "_settle_lost", settle_lost)


def everybody_charged() -> AbstractContextManager[object]:
    """Charge a crash to every job that its worker held."""
    honest = rescuer._lost
    return patch.object(
        rescuer, "_lost", lambda claim, asked, reason, alone: honest(claim, asked, reason, alone=bool(alone) or True)
    )


def announcements_ignored() -> AbstractContextManager[object]:
    """Charge the job for an announced stop and for a reboot of the machine."""
    return patch.object(rescuer, "judged", lambda _worker, reason, _boot, _is_heard: (reason, False))


def crashes_unbounded() -> AbstractContextManager[object]:
    """Let a job kill any number of workers."""
    return patch.object(outcomes, "MAX_CRASHES", 10**9)


def leases_by_wall_clock() -> AbstractContextManager[object]:
    """Read heartbeats from the wall clock, which people set."""

    def lease_clock(self: SimulatedDatabase) -> tuple[str, int]:
        return self.machine.lease_clock()[0], self.machine.wall()

    return patch.object(SimulatedDatabase, "lease_clock", lease_clock)


def leases_by_sleepless_clock() -> AbstractContextManager[object]:
    """Read heartbeats from a clock that runs on while the machine and its workers sleep."""

    def lease_clock(self: SimulatedDatabase) -> tuple[str, int]:
        return f"boot-{self.machine.boot}", self.machine.elapsed + self.machine.slept

    return patch.object(SimulatedDatabase, "lease_clock", lease_clock)


def sleep_is_silence() -> AbstractContextManager[object]:
    """Measure silence by the server's clock alone, which runs on while the workers sleep."""
    return patch.object(dead_workers, "_silence", lambda worker, _here: worker.now - worker.beat)


def burial_split() -> AbstractContextManager[object]:
    """Record a worker's end in one transaction and free its jobs in others."""

    def free_some(self: rescuer.Rescuer, tx: Transaction, worker_id: int, found: Any, *, may_charge: bool) -> bool:
        if may_charge:
            tx.run(sql.END_WORKER, self._database.now(), found.reason, worker_id)
            begin_another(tx)
        return honest(self, tx, worker_id, found, may_charge=may_charge)

    honest = rescuer.Rescuer._free_some
    return patch.object(rescuer.Rescuer, "_free_some", free_some)


def files_forgotten() -> AbstractContextManager[object]:
    """Never finish the renames that a dead worker left."""
    return patch.object(staged_files.StagedFiles, "finish_files", lambda _self: staged_files.Renamed(0, []))


def files_not_awaited() -> AbstractContextManager[object]:
    """Delete jobs and run them again while their files are not in place."""
    never = select(INTENT.c.job_id).where(INTENT.c.job_id == bindparam("the_job_id"), INTENT.c.job_id < 0)
    return patch.object(sql, "HAS_INTENT", Declared(never, operating.HAS_INTENT.params).compile())


def prune_of_all() -> AbstractContextManager[object]:
    """Let a prune of one state delete jobs of every final state."""
    closed = CLOSED.c
    params = {"the_state": Text, "after_at": BigInteger, "after_job": BigInteger, "queues": Text}
    ignored = [bindparam(name, type_=kind).is_not(None) for name, kind in params.items()]
    of_all = select(closed.job_id, closed.finished_at).where(*ignored, closed.finished_at < bindparam("before"))
    of_all = of_all.limit(up_to("most"))
    return patch.object(sql, "EXPIRED", Declared(of_all, pruning.EXPIRED.params).compile())


def nobody_rescues() -> AbstractContextManager[object]:
    """Leave the jobs of dead workers with them."""
    return patch.object(rescuer.Rescuer, "_free_some", lambda *_, **__: False)


def resubmit_unrecorded() -> AbstractContextManager[object]:
    """Resubmit without an action row."""
    honest = Operator.record

    def record(self: Operator, tx: Transaction, now: int, deed: Deed, job_id: int | None = None) -> None:
        if deed.verb != "resubmit":
            honest(self, tx, now, deed, job_id)

    return patch.object(Operator, "record", record)


def ends_by_the_wall_clock() -> AbstractContextManager[object]:
    """Let the audit take the order of timestamps for the order of commits."""
    return patch.object(wall_clock_order.WallClock, "was_set_back", False)


def the_crippled_cling() -> AbstractContextManager[object]:
    """Let a worker keep maintenance whatever fails in it."""
    return patch.object(Maintainer, "_resign_if_ill", lambda _self, _now: None)


def failures_swallowed() -> AbstractContextManager[object]:
    """Treat a failed duty as done."""
    return patch.object(Watched, "_failed", lambda *_: None)
