"""Writes outcomes under the fence: the only way a lease ends, for workers and for rescue."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pqkit.db import Database, Transaction
from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import HELD, HELD_SINCE, PLAIN, READY_KEY
from pqkit.domain.states import FINAL, JobState, Place
from pqkit.errors import LeaseLost
from pqkit.leasing import pending_hooks
from pqkit.leasing.finished_attempt import Finished
from pqkit.sql import compiled as sql

if TYPE_CHECKING:
    from sqlmodel import Session


class SomeRefused(Exception):
    """At least one lease was gone; roll the transaction back and write them one by one."""


def settle(tx: Transaction, finished: Sequence[Finished]) -> None:
    """Write all of ``finished``; raises SomeRefused unless every lease was still held."""
    if _let_go(tx, finished) != len(finished):
        raise SomeRefused
    _write(tx, finished)


def _let_go(tx: Transaction, finished: Sequence[Finished]) -> int:
    """Delete the leases; return the number that was still held."""
    jobs = {f.claim.job_id for f in finished}
    first, last = min(jobs), max(jobs)
    followers = last - first + 1 == len(jobs) == len(finished)
    if followers and len(lives := {(f.claim.attempt, f.claim.worker_id) for f in finished}) == 1:
        return tx.run(sql.DELETE_LEASE_RUN, first, last, *lives.pop())
    return tx.run_many(sql.DELETE_LEASE, [HELD(f.claim) for f in finished])


def settle_each(tx: Transaction, finished: Sequence[Finished], *, again: bool = False) -> list[Finished]:
    """Write those of ``finished`` whose lease is still held; record and return the others.

    ``again``: an earlier commit was not answered; its writes are neither repeated nor refused.
    """
    held: list[Finished] = []
    refused: list[Finished] = []
    for f in finished:
        if tx.run(sql.DELETE_LEASE, *HELD(f.claim)):
            held.append(f)
        elif not (again and tx.row(sql.STANDS, *HELD(f.claim))):
            refused.append(f)
    _write(tx, held)
    tx.run_many(
        sql.INSERT_REFUSAL,
        [(f.ended_at, *HELD(f.claim), f.outcome.kind) for f in refused],
    )
    return refused


def finish_in(database: Database, session: "Session", finished: Finished) -> None:
    """Finish inside the handler's own transaction. Raises LeaseLost if the fence refuses it."""
    try:
        with database.in_words():
            settle(database.join(session), [finished])
    except SomeRefused:
        raise LeaseLost(f"job {finished.claim.job_id} is no longer this worker's") from None


def _write(tx: Transaction, finished: Sequence[Finished]) -> None:
    plain = [f for f in finished if f.outcome is PLAIN]
    other = [f for f in finished if f.outcome is not PLAIN] if len(plain) < len(finished) else []
    _keep_history(tx, plain, other)
    tx.run_many(sql.INSERT_CLOSED_PLAIN, [(c.job_id, at, c.attempt, c.retries, c.crashes) for c, _, _, at in plain])
    if other:
        _write_other(tx, other)
    keyed = [(f.claim.job_id,) for f in finished if f.claim.unique_key is not None and f.outcome.state in FINAL]
    if keyed:
        tx.run_many(sql.DELETE_HOLD, keyed)
    if finished:
        pending_hooks.expect(tx, finished)


def _write_other(tx: Transaction, finished: Sequence[Finished]) -> None:
    closed = [f for f in finished if f.outcome.state in FINAL]
    tx.run_many(sql.INSERT_CLOSED, [_closed(f) for f in closed])
    if len(closed) < len(finished):
        _write_unfinished(tx, finished)
    files = [(f.claim.job_id, *pair) for f in closed for pair in f.outcome.files]
    if files:
        tx.run_many(sql.INSERT_INTENT, files)


def _write_unfinished(tx: Transaction, finished: Sequence[Finished]) -> None:
    delayed = [_delayed(f) for f in finished if f.outcome.state.place is Place.DELAYED]
    ready = [_ready(f) for f in finished if f.outcome.state is JobState.PENDING]
    if delayed:
        tx.run_many(sql.INSERT_DELAYED, delayed)
    if ready:
        tx.run_many(sql.INSERT_READY, ready)
        keyed = [f.claim for f in finished if f.outcome.state is JobState.PENDING and f.claim.limit_key is not None]
        tx.run_many(sql.MARK_KEY, map(READY_KEY, keyed))


def _keep_history(tx: Transaction, plain: Sequence[Finished], other: Sequence[Finished]) -> None:
    tx.run_many(sql.INSERT_ATTEMPT_PLAIN, [(*HELD_SINCE(f.claim), f.started_at, f.ended_at) for f in plain])
    if other:
        tx.run_many(sql.INSERT_ATTEMPT, [_history(f) for f in other])


def _history(f: Finished) -> tuple[object, ...]:
    claim, outcome, started_at, ended_at = f
    error = outcome.error or (None if outcome.kind == "completed" else outcome.summary)
    due = _due(f) if outcome.state.place is Place.DELAYED else None
    return *HELD_SINCE(claim), started_at, ended_at, outcome.kind, error, due


def _due(f: Finished) -> int:
    return f.ended_at + round(f.outcome.delay * SECOND)


def _budget(f: Finished) -> tuple[int, int]:
    charge = f.outcome.charge
    return f.claim.retries + (charge == "retries"), f.claim.crashes + (charge == "crashes")


def _closed(f: Finished) -> tuple[object, ...]:
    claim, outcome, _, ended_at = f
    # Plain str: for each value of a str subclass, a driver looks for an adapter.
    state = outcome.state.value
    return claim.job_id, state, ended_at, claim.attempt, *_budget(f), outcome.result, outcome.summary


def _delayed(f: Finished) -> tuple[object, ...]:
    claim, outcome = f.claim, f.outcome
    return _due(f), claim.job_id, outcome.state.value, claim.attempt, *_budget(f), outcome.summary, None


def _ready(f: Finished) -> tuple[object, ...]:
    claim = f.claim
    suspect = int(f.outcome.kind == "crashed") or claim.suspect
    return claim.queue, claim.priority, claim.job_id, claim.attempt, *_budget(f), suspect, None, f.ended_at
