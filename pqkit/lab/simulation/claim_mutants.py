"""Mutants of claim and finish; each is in place while its ``with`` block runs."""

# ruff: noqa: SLF001 - a mutant reaches into the code that it breaks

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import bindparam, delete

from pqkit.db import Transaction
from pqkit.domain import outcomes
from pqkit.domain.outcomes import LEASE as LEASED
from pqkit.domain.outcomes import READY_KEY, Claim, Outcome
from pqkit.domain.states import JobState
from pqkit.jobs import transitions
from pqkit.jobs.insert import Inserter
from pqkit.lab.harness.faults import CARRIED, history_rewritten
from pqkit.lab.simulation.databases import Gapped, begin_another
from pqkit.leasing import finish, worker_leases
from pqkit.leasing.claim_limits import Limited, Room, Taker
from pqkit.queue import Finished, Leases
from pqkit.sql import compiled as sql
from pqkit.sql.definitions import claim
from pqkit.sql.definitions.builder import Declared
from pqkit.sql.definitions.tables import LEASE
from pqkit.worker import attempt, executor
from pqkit.worker.executor import Run


def fence_removed() -> AbstractContextManager[object]:
    """Delete the lease by the job's id alone."""
    by_id = Declared(delete(LEASE).where(LEASE.c.job_id == bindparam("the_job_id")), ("the_job_id",)).compile()

    def settle_each(tx: Transaction, finished: Sequence[Finished], **_: object) -> list[Finished]:
        refused = [f for f in finished if not tx.run(by_id, f.claim.job_id)]
        finish._write(tx, [f for f in finished if f not in refused])
        return refused

    return patch.object(worker_leases, "settle_each", settle_each)


def fence_and_history_removed() -> AbstractContextManager[object]:
    """Remove the fence, and let the history accept a second row for an attempt.

    Otherwise the table's key would stop the second finish.
    """
    stack = ExitStack()
    stack.enter_context(fence_removed())
    for name, statement in history_rewritten().items():
        stack.enter_context(patch.object(sql, name, statement))
    return stack


def effects_outside() -> AbstractContextManager[object]:
    """Commit the handler's session by itself; the finish follows with the next exchange."""

    def commit(_database: object, _run: Run, ctx: Any, result: Outcome) -> bool:
        (ctx.opened.commit if result.state is JobState.COMPLETED else ctx.opened.rollback)()
        return False

    return patch.object(attempt, "_commit", commit)


def finish_split() -> AbstractContextManager[object]:
    """Delete the lease in one transaction; write history and the job's next row in another."""

    def write(tx: Transaction, finished: Sequence[Finished]) -> None:
        begin_another(tx)
        honest(tx, finished)

    honest = finish._write
    return patch.object(finish, "_write", write)


def claim_split() -> AbstractContextManager[object]:
    """Remove a claim from ``ready`` in one transaction and insert its lease in another."""

    def lease(_self: Leases, tx: Transaction, claims: list[Claim]) -> list[Claim]:
        tx.run_many(sql.DELETE_READY, map(READY_KEY, claims))
        if claims:
            begin_another(tx)
        tx.run_many(sql.INSERT_LEASE, map(LEASED, claims))
        return claims

    return patch.object(Leases, "_lease", lease)


def acknowledged_early() -> AbstractContextManager[object]:
    """Return the ids of an enqueue although its transaction was rolled back."""

    def insert_many(self: Inserter, tx: Transaction, order: Any, texts: Sequence[str]) -> list[int]:
        ids = honest(self, tx, order, texts)
        assert isinstance(tx, Gapped)
        tx.undo()
        return ids

    honest = Inserter.insert_many
    return patch.object(Inserter, "insert_many", insert_many)


@contextmanager
def pause_ignored() -> Iterator[None]:
    """Claim without a check that the queue is paused."""
    with patch.object(claim, "held_back", lambda _queue, now: now < 0):
        head, suspect = claim._innocent_head(locked=True).compile(), claim._suspect_head(locked=True).compile()
    with patch.object(sql, "HEAD", head), patch.object(sql, "SUSPECT_HEAD", suspect):
        yield


def stops_charged() -> AbstractContextManager[object]:
    """Charge a job for a failure that its worker's stop caused."""
    return patch.object(Run, "_outcome_of", lambda self, error: outcomes.ended_by(self.claim, error))


@contextmanager
def errors_unguarded() -> Iterator[None]:
    """Run an error's own code unguarded: an exception from it ends the slot."""

    def ended_by(claim: Claim, error: BaseException, *, cancel_asked: bool = False) -> Outcome:
        return outcomes._decided(claim, error, cancel_asked=cancel_asked)

    with patch.object(outcomes, "_message", str), patch.object(executor, "ended_by", ended_by):
        yield


def suspects_beside_others() -> AbstractContextManager[object]:
    """Let a worker claim more jobs while it runs a suspect."""

    def claim(self: Leases, tx: Transaction, demand: int, *, alone: bool) -> list[Claim]:
        self._has_suspect = False
        return honest(self, tx, demand, alone=alone)

    honest = Leases._claim
    return patch.object(Leases, "_claim", claim)


def attempts_begin_anew() -> AbstractContextManager[object]:
    """Reset the attempts of a resubmitted job, so that an old fencing token is valid again."""
    honest = transitions.resubmit
    return patch.object(transitions, "resubmit", lambda tx, job, now: honest(tx, job._replace(attempt=0), now))


def forks_ignored() -> AbstractContextManager[object]:
    """Keep open files over a fork, and let the child open the same file beside them."""
    stack = ExitStack()
    for owner, name in CARRIED:
        stack.enter_context(patch.object(owner, name, lambda *_: None))
    return stack


def free_jobs_starve() -> AbstractContextManager[object]:
    """Claim only from the first jobs of a queue, whatever keys they have."""

    def by_key(
        _self: Limited, tx: Transaction, place: tuple[str, int], taker: Taker, _room: Room, wanted: int, *, peek: bool
    ) -> Iterator[Claim]:
        head = sql.CLASS_PEEK if peek else sql.CLASS_HEAD
        yield from map(Claim._make, tx.rows(head, *place, taker.now, taker.name, taker.id, wanted))

    return patch.object(Limited, "_by_key", by_key)
