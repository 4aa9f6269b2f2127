"""Queues that are wrong, each in one way: a checker that does not find them proves nothing.

A mutant is put in place for as long as its ``with`` lasts; the simulation must then break the promise named beside it.
"""

# ruff: noqa: SLF001 - a mutant reaches into what it breaks

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from sqlalchemy import BigInteger, Text, bindparam, delete, select, update

from pqkit import executor, outcome, wallclock
from pqkit.db import Transaction
from pqkit.executor import Run
from pqkit.lab.faults import CARRIED, history_rewritten
from pqkit.lab.result import Progress, Result, silent
from pqkit.lab.simulated import Gapped, SimulatedDatabase, by_server_clock
from pqkit.lab.simulation import simulator
from pqkit.lab.verdict import Finding
from pqkit.lab.witness import DRAINED, EFFECTS, EVIDENCE, FILES, FORKS, LIVING_KEEP, NEIGHBOURS, POISON
from pqkit.outcome import LEASE as LEASED
from pqkit.outcome import READY_KEY, Claim, Outcome
from pqkit.queue import Finished, Leases, leases, moves, settle, upkeep
from pqkit.queue.insert import Inserter
from pqkit.queue.operate import Deed, Operator
from pqkit.sql import compiled as sql
from pqkit.statements import claim, workers
from pqkit.statements import operate as operating
from pqkit.statements import prune as pruning
from pqkit.statements.declare import Declared, up_to
from pqkit.statements.tables import CLOSED, INTENT, LEASE, WORKER
from pqkit.states import JobState
from pqkit.worker import attempt

SEEDS = 400


class Mutant(NamedTuple):
    """One thing made wrong, and the rules that must name it. ``everywhere`` is false for what is wrong only where the
    machine's own clock decides: a server's clock may go on while the workers' machine sleeps."""

    name: str
    rules: frozenset[str]
    in_place: Callable[[], AbstractContextManager[object]]
    everywhere: bool = True


class Caught(NamedTuple):
    """The first seed in which a mutant broke a rule that names it; ``seed`` is None for one that survived."""

    mutant: Mutant
    seed: int | None
    rules: list[str]
    words: str


def hunt(mutant: Mutant, most: int = SEEDS, beside: str | None = None) -> Caught:
    """Play seeds until a rule that names the mutant is broken, at most so many."""
    others: set[str] = set()
    with mutant.in_place(), simulator(beside) as play:
        for seed in range(most):
            broken = play(seed).broken
            named = [found for found in broken if found.rule in mutant.rules]
            if named:
                return Caught(mutant, seed, sorted({found.rule for found in named}), named[0].words)
            others |= {found.rule for found in broken}
    return Caught(mutant, None, sorted(others), "no rule named it")


def _fence_removed() -> AbstractContextManager[object]:
    """The lease is deleted by the job's id alone."""
    by_id = Declared(delete(LEASE).where(LEASE.c.job_id == bindparam("the_job_id")), ("the_job_id",)).compile()

    def settle_each(tx: Transaction, finished: Sequence[Finished], **_: object) -> list[Finished]:
        refused = [f for f in finished if not tx.run(by_id, f.claim.job_id)]
        settle._write(tx, [f for f in finished if f not in refused])
        return refused

    return patch.object(leases, "settle_each", settle_each)


def _fence_and_history_removed() -> AbstractContextManager[object]:
    """As before, and the history takes a second row for an attempt, so that the table's key does not stop it."""
    stack = ExitStack()
    stack.enter_context(_fence_removed())
    for name, statement in history_rewritten().items():
        stack.enter_context(patch.object(sql, name, statement))
    return stack


def _rescue_by_id() -> AbstractContextManager[object]:
    """A worker is buried although it has beaten since the look."""
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


def _counted_at_failure() -> AbstractContextManager[object]:
    """A run counts when it fails: a lost one leaves no trace."""

    def settle_lost(
        _self: upkeep.Upkeep,
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

    return patch.object(upkeep.Upkeep, "_settle_lost", settle_lost)


def _effects_outside() -> AbstractContextManager[object]:
    """The handler's session is committed by itself; the finish follows with the next exchange."""

    def commit(_database: object, _run: Run, ctx: Any, result: Outcome) -> bool:
        (ctx.opened.commit if result.state is JobState.COMPLETED else ctx.opened.rollback)()
        return False

    return patch.object(attempt, "_commit", commit)


def _begin_another(tx: Transaction) -> None:
    assert isinstance(tx, Gapped)
    tx.begin_another()


def _finish_split() -> AbstractContextManager[object]:
    """The lease goes in one transaction, history and the job's next place follow in another."""

    def write(tx: Transaction, finished: Sequence[Finished]) -> None:
        _begin_another(tx)
        honest(tx, finished)

    honest = settle._write
    return patch.object(settle, "_write", write)


def _claim_split() -> AbstractContextManager[object]:
    """A claim leaves ``ready`` in one transaction and takes its lease in another."""

    def lease(_self: Leases, tx: Transaction, claims: list[Claim]) -> list[Claim]:
        tx.run_many(sql.DELETE_READY, map(READY_KEY, claims))
        if claims:
            _begin_another(tx)
        tx.run_many(sql.INSERT_LEASE, map(LEASED, claims))
        return claims

    return patch.object(Leases, "_lease", lease)


def _acknowledged_early() -> AbstractContextManager[object]:
    """An enqueue returns its ids although its transaction was undone."""

    def insert_many(self: Inserter, tx: Transaction, order: Any, texts: Sequence[str]) -> list[int]:
        ids = honest(self, tx, order, texts)
        assert isinstance(tx, Gapped)
        tx.undo()
        return ids

    honest = Inserter.insert_many
    return patch.object(Inserter, "insert_many", insert_many)


@contextmanager
def _pause_ignored() -> Iterator[None]:
    """The claim does not ask whether its queue is paused."""
    with patch.object(claim, "held_back", lambda _queue, now: now < 0):
        head, suspect = claim._innocent_head(locked=True).compile(), claim._suspect_head(locked=True).compile()
    with patch.object(sql, "HEAD", head), patch.object(sql, "SUSPECT_HEAD", suspect):
        yield


def _everybody_charged() -> AbstractContextManager[object]:
    """A crash is charged to every job that its worker held."""
    honest = upkeep._lost
    return patch.object(
        upkeep, "_lost", lambda claim, asked, reason, alone: honest(claim, asked, reason, alone=bool(alone) or True)
    )


def _announcements_ignored() -> AbstractContextManager[object]:
    """A stop that was announced, and a machine that was started anew, count against the job."""
    return patch.object(upkeep, "_judged", lambda _worker, reason, _boot, _is_heard: (reason, False))


def _stops_charged() -> AbstractContextManager[object]:
    """A handler that fails because its worker stops has failed."""
    return patch.object(Run, "_outcome_of", lambda self, error: outcome.ended_by(self.claim, error))


@contextmanager
def _errors_unguarded() -> Iterator[None]:
    """An error's own code runs where nothing catches what it raises: the slot ends."""

    def ended_by(claim: Claim, error: BaseException, *, cancel_asked: bool = False) -> Outcome:
        return outcome._decided(claim, error, cancel_asked=cancel_asked)

    with patch.object(outcome, "_message", str), patch.object(executor, "ended_by", ended_by):
        yield


def _suspects_beside_others() -> AbstractContextManager[object]:
    """While a suspect runs, its worker claims more."""

    def claim(self: Leases, tx: Transaction, demand: int, *, alone: bool) -> list[Claim]:
        self._has_suspect = False
        return honest(self, tx, demand, alone=alone)

    honest = Leases._claim
    return patch.object(Leases, "_claim", claim)


def _crashes_unbounded() -> AbstractContextManager[object]:
    """A job may kill as many workers as it likes."""
    return patch.object(outcome, "MAX_CRASHES", 10**9)


def _attempts_begin_anew() -> AbstractContextManager[object]:
    """A resubmitted job counts its attempts from the start: an old token is valid again."""
    honest = moves.resubmit
    return patch.object(moves, "resubmit", lambda tx, job, now: honest(tx, job._replace(attempt=0), now))


def _leases_by_wall_clock() -> AbstractContextManager[object]:
    """Heartbeats are read from the clock that people set."""

    def lease_clock(self: SimulatedDatabase) -> tuple[str, int]:
        return self.machine.lease_clock()[0], self.machine.wall()

    return patch.object(SimulatedDatabase, "lease_clock", lease_clock)


def _leases_by_sleepless_clock() -> AbstractContextManager[object]:
    """Heartbeats are read from a clock that runs on while the machine sleeps and nobody can beat."""

    def lease_clock(self: SimulatedDatabase) -> tuple[str, int]:
        return f"boot-{self.machine.boot}", self.machine.elapsed + self.machine.slept

    return patch.object(SimulatedDatabase, "lease_clock", lease_clock)


def _burial_split() -> AbstractContextManager[object]:
    """A worker's end goes on record in one transaction, its jobs are freed in others."""

    def free_some(self: upkeep.Upkeep, tx: Transaction, worker_id: int, found: Any, *, may_charge: bool) -> bool:
        if may_charge:
            tx.run(sql.END_WORKER, self._database.now(), found.reason, worker_id)
            _begin_another(tx)
        return honest(self, tx, worker_id, found, may_charge=may_charge)

    honest = upkeep.Upkeep._free_some
    return patch.object(upkeep.Upkeep, "_free_some", free_some)


def _files_forgotten() -> AbstractContextManager[object]:
    """Nobody carries out the renames that a worker died before."""
    return patch.object(upkeep.Upkeep, "finish_files", lambda _self: upkeep.Renamed(0, []))


def _files_not_awaited() -> AbstractContextManager[object]:
    """Jobs are deleted and run again while their files are not in place."""
    never = select(INTENT.c.job_id).where(INTENT.c.job_id == bindparam("the_job_id"), INTENT.c.job_id < 0)
    return patch.object(sql, "HAS_INTENT", Declared(never, operating.HAS_INTENT.params).compile())


def _prune_of_all() -> AbstractContextManager[object]:
    """A prune of one state takes whatever has ended."""
    closed = CLOSED.c
    params = {"the_state": Text, "after_at": BigInteger, "after_job": BigInteger, "queues": Text}
    ignored = [bindparam(name, type_=kind).is_not(None) for name, kind in params.items()]
    of_all = select(closed.job_id, closed.finished_at).where(*ignored, closed.finished_at < bindparam("before"))
    of_all = of_all.limit(up_to("most"))
    return patch.object(sql, "EXPIRED", Declared(of_all, pruning.EXPIRED.params).compile())


def _nobody_rescues() -> AbstractContextManager[object]:
    """What dead workers held stays with them."""
    return patch.object(upkeep.Upkeep, "_free_some", lambda *_, **__: False)


def _forks_ignored() -> AbstractContextManager[object]:
    """What is open crosses a fork, and the child opens the same file beside it."""
    stack = ExitStack()
    for owner, name in CARRIED:
        stack.enter_context(patch.object(owner, name, lambda *_: None))
    return stack


def _resubmit_unrecorded() -> AbstractContextManager[object]:
    """A resubmit leaves no action row."""
    honest = Operator.record

    def record(self: Operator, tx: Transaction, now: int, deed: Deed, job_id: int | None = None) -> None:
        if deed.verb != "resubmit":
            honest(self, tx, now, deed, job_id)

    return patch.object(Operator, "record", record)


def _ends_by_the_wall_clock() -> AbstractContextManager[object]:
    """The audit takes the order of moments for that of commits."""
    return patch.object(wallclock.WallClock, "was_set_back", False)


MUTANTS = [
    Mutant("fence removed", frozenset({"fence held"}), _fence_removed),
    Mutant("fence and history's key removed", frozenset({"fence held"}), _fence_and_history_removed),
    Mutant("rescue guarded by id only", frozenset({LIVING_KEEP}), _rescue_by_id),
    Mutant("attempts counted at failure", frozenset({"history whole"}), _counted_at_failure),
    Mutant("effects outside the transaction", frozenset({EFFECTS}), _effects_outside),
    Mutant("finish split in two transactions", frozenset({"none lost"}), _finish_split),
    Mutant("claim split in two transactions", frozenset({"none lost"}), _claim_split),
    Mutant("enqueue acknowledged, not committed", frozenset({"none lost"}), _acknowledged_early),
    Mutant("pause ignored", frozenset({"pause kept"}), _pause_ignored),
    Mutant("rescue charges everybody", frozenset({NEIGHBOURS}), _everybody_charged),
    Mutant("announcements of a stop ignored", frozenset({EVIDENCE}), _announcements_ignored),
    Mutant("failures at a stop charged", frozenset({EVIDENCE}), _stops_charged),
    Mutant("errors read unguarded", frozenset({DRAINED, "no error"}), _errors_unguarded),
    Mutant("burial split in two transactions", frozenset({"fence held", POISON}), _burial_split),
    Mutant("suspects run beside others", frozenset({NEIGHBOURS}), _suspects_beside_others),
    Mutant("crashes unbounded", frozenset({POISON, DRAINED}), _crashes_unbounded),
    Mutant("attempts begin anew at resubmit", frozenset({"history whole"}), _attempts_begin_anew),
    Mutant("leases judged by the wall clock", frozenset({LIVING_KEEP}), _leases_by_wall_clock),
    Mutant("leases judged by a sleepless clock", frozenset({LIVING_KEEP}), _leases_by_sleepless_clock, False),
    Mutant("files of the dead forgotten", frozenset({FILES}), _files_forgotten),
    Mutant("files not awaited", frozenset({FILES}), _files_not_awaited),
    Mutant("prune of any state", frozenset({"none lost"}), _prune_of_all),
    Mutant("resubmits unrecorded", frozenset({"ended on record"}), _resubmit_unrecorded),
    Mutant("order by the wall clock", frozenset({"one lease at a time", "fence held"}), _ends_by_the_wall_clock, False),
    Mutant("nobody rescues", frozenset({DRAINED}), _nobody_rescues),
    Mutant("forks ignored", frozenset({FORKS, "none lost"}), _forks_ignored, False),
]


def mutants(*, beside: str | None = None, progress: Progress = silent) -> Result:
    """Hunt them all, on a scratch file or on the PostgreSQL server that ``beside`` names; the table says which seed
    caught each and by which rule."""
    caught: list[Caught] = []
    hunted = [mutant for mutant in MUTANTS if mutant.everywhere or not by_server_clock(beside)]
    for number, mutant in enumerate(hunted):
        progress(number / len(hunted), mutant.name)
        caught.append(hunt(mutant, beside=beside))
    findings = [Finding("mutant", None, f"{c.mutant.name} survived: {c.words}") for c in caught if c.seed is None]
    table = [f"{c.mutant.name:<36} {', '.join(c.rules) or '-':<32} seed {c.seed}" for c in caught]
    figure = f"mutants: {len(caught) - len(findings)} of {len(caught)} caught"
    return Result(figure, {"mutants": {c.mutant.name: c.rules for c in caught}}, findings, table)
