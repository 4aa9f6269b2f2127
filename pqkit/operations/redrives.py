"""Redrives: maintenance resubmits ended jobs in growing steps until too many fail again.

They are stored in the database, so they outlive the page or command that started them.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pqkit.db import Database, Transaction
from pqkit.domain.redrive_plan import CANARY, MAX_JOBS, MOST_AT_ONCE, TOLERANCE, Fate, Plan, RedriveState, Tally, decide
from pqkit.domain.states import JobState
from pqkit.errors import NotFound, Refused
from pqkit.jobs import transitions
from pqkit.jobs.transitions import Moved
from pqkit.operations.action_seals import seal_actions
from pqkit.operations.operator import Deed, Operator
from pqkit.sql import compiled as sql

BATCH = 500


class Undone(NamedTuple):
    """An undo's result: jobs put back as they had ended, and jobs that workers had claimed."""

    put_back: int
    taken: int


class Step(NamedTuple):
    """Maintenance's step of a redrive: jobs resubmitted and refused, or how the redrive ended."""

    redrive: int
    sent: int
    refused: int
    state: str
    note: str | None


class _Standing(NamedTuple):
    id: int
    who: str
    reason: str | None
    state: RedriveState
    plan: Plan


class Redrives:
    """An operator's verbs on redrives."""

    def __init__(self, operator: Operator) -> None:
        self._operator, self._database = operator, operator.database

    def start(
        self,
        frozen: Mapping[int, JobState],
        *,
        reason: str | None = None,
        wanted: str = "",
        canary: int = CANARY,
        most: int = MOST_AT_ONCE,
        tolerance: float = TOLERANCE,
    ) -> int:
        """Start a redrive of these jobs, each with the state a person saw; return its id.

        A job that is in another state at its turn is skipped. ``tolerance`` (0 to 1) is the share of jobs that may fail
        again. Raises Refused for jobs that have not ended, for no job, and for more than 100,000.
        """
        _check(frozen, canary, most, tolerance)
        with self._operator.writing("redrive") as tx:
            now = self._database.now()
            row = (
                now,
                self._operator.who,
                reason,
                wanted,
                RedriveState.RUNNING,
                canary,
                most,
                tolerance,
                0,
                len(frozen),
            )
            redrive_id: int = tx.row(sql.INSERT_REDRIVE, *row)[0]
            rows = [(redrive_id, job_id, str(state), Fate.WAITING) for job_id, state in sorted(frozen.items())]
            tx.run_many(sql.FREEZE_JOB, rows)
            detail = {"redrive": redrive_id, "jobs": len(frozen), "wanted": wanted}
            self._operator.record(tx, now, Deed("redrive", reason, detail))
        return redrive_id

    def stop(self, redrive_id: int, *, reason: str | None = None) -> None:
        """Stop resubmitting jobs of a running redrive; resubmitted jobs go on."""
        with self._operator.writing("stop_redrive") as tx:
            redrive = _locked(tx, redrive_id)
            if redrive.state is not RedriveState.RUNNING:
                raise Refused(f"redrive {redrive_id} is {redrive.state}, so it cannot be stopped")
            self._end(tx, redrive_id, RedriveState.STOPPED, "stop_redrive", reason)

    def undo(self, redrive_id: int, *, reason: str | None = None) -> Undone:
        """Put unclaimed jobs of a redrive back as they had ended, and resubmit no others."""
        with self._operator.writing("undo_redrive") as tx:
            redrive = _locked(tx, redrive_id)
            if redrive.state is RedriveState.UNDONE:
                raise Refused(f"redrive {redrive_id} is undone already")
            self._end(tx, redrive_id, RedriveState.UNDONE, "undo_redrive", reason)
        done, after = Undone(0, 0), 0
        while True:
            with self._operator.writing("undo_redrive") as tx:
                rows = tx.rows(sql.JOBS_OF_REDRIVE, redrive_id, Fate.SENT, after, BATCH)
                put_back = sum(self._put_back(tx, redrive_id, job_id, was, reason) for job_id, _, was in rows)
            done = Undone(done.put_back + put_back, done.taken + len(rows) - put_back)
            if len(rows) < BATCH:
                return done
            after = rows[-1][0]

    def _end(self, tx: Transaction, redrive_id: int, state: RedriveState, verb: str, reason: str | None) -> None:
        now = self._database.now()
        note = f"{state} by {self._operator.who}" + (f": {reason}" if reason else "")
        tx.run(sql.SET_REDRIVE, state, note, now, redrive_id)
        self._operator.record(tx, now, Deed(verb, reason, {"redrive": redrive_id}))

    def _put_back(self, tx: Transaction, redrive_id: int, job_id: int, was: str, reason: str | None) -> bool:
        how: list[Any] = json.loads(was)
        job = transitions.find(tx, job_id)
        if job is None or job.state is not JobState.PENDING or job.attempt != how[2]:
            return False
        try:
            transitions.put_back(tx, job, how)
        except Moved:  # claimed since it was read
            return False
        tx.run(sql.SET_FATE, Fate.UNDONE, None, None, redrive_id, job_id)
        deed = Deed("undo", reason, {"redrive": redrive_id, "to": how[0]})
        self._operator.record(tx, self._database.now(), deed, job_id)
        return True


def advance(database: Database) -> Iterator[Step]:
    """Advance every running redrive by one step; yield the steps that did something."""
    with database.read() as tx:
        running = [row[0] for row in tx.rows(sql.RUNNING_REDRIVES)]
    for redrive_id in running:
        with database.write() as tx:
            step = _advance(database, tx, _locked(tx, redrive_id))
            if step is not None:
                seal_actions(tx)
        if step is not None:
            yield step


def _advance(database: Database, tx: Transaction, redrive: _Standing) -> Step | None:
    if redrive.state is not RedriveState.RUNNING:
        return None
    for judge in (sql.JUDGE_AGAIN, sql.JUDGE_WELL):
        tx.run(judge, redrive.id)
    then = decide(redrive.plan, Tally(**dict(tx.rows(sql.TALLY_REDRIVE, redrive.id))))
    if then.state is not None:
        tx.run(sql.SET_REDRIVE, then.state, then.note, database.now(), redrive.id)
        return Step(redrive.id, 0, 0, then.state, then.note)
    return _send(database, tx, redrive, then.send) if then.send else None


def _send(database: Database, tx: Transaction, redrive: _Standing, most: int) -> Step:
    operator = Operator(database, redrive.who)
    refused, rows = 0, tx.rows(sql.JOBS_OF_REDRIVE, redrive.id, Fate.WAITING, 0, most)
    for job_id, frozen_as, _ in rows:
        was = tx.row(sql.HOW_IT_ENDED, job_id)
        problem = _send_one(operator, tx, redrive, job_id, frozen_as)
        refused += problem is not None
        fate = (Fate.SENT, json.dumps(list(was)), None) if problem is None else (Fate.REFUSED, None, problem)
        tx.run(sql.SET_FATE, *fate, redrive.id, job_id)
    tx.run(sql.SET_STEP, most, redrive.id)
    return Step(redrive.id, len(rows) - refused, refused, RedriveState.RUNNING, None)


def _send_one(operator: Operator, tx: Transaction, redrive: _Standing, job_id: int, frozen_as: str) -> str | None:
    job, now = transitions.find(tx, job_id), operator.database.now()
    if job is None:
        return "there is no such job any more"
    if job.state != frozen_as:
        return f"it was {frozen_as} when it was chosen and is {job.state} now"
    try:
        problem = transitions.resubmit(tx, job, now)
    except Moved:
        return "somebody else has just moved it"
    if problem is None:
        deed = Deed("resubmit", redrive.reason, {"from": job.state, "redrive": redrive.id})
        operator.record(tx, now, deed, job_id)
    return problem


def _locked(tx: Transaction, redrive_id: int) -> _Standing:
    row = tx.row(sql.LOCK_REDRIVE, redrive_id)
    if row is None:
        raise NotFound(f"there is no redrive {redrive_id}")
    redrive_id, who, reason, state, *plan = row
    return _Standing(redrive_id, who, reason, RedriveState(state), Plan(*plan))


def _check(frozen: Mapping[int, JobState], canary: int, most: int, tolerance: float) -> None:
    if not 0 < len(frozen) <= MAX_JOBS:
        raise Refused(f"a redrive takes 1 to {MAX_JOBS:,} jobs, not {len(frozen):,}: narrow the filter")
    if open_ones := [job_id for job_id, state in frozen.items() if not state.final]:
        raise Refused(f"job {open_ones[0]} is {frozen[open_ones[0]]}: only jobs that have ended are redriven")
    if not (canary > 0 and most > 0 and 0 <= tolerance <= 1):
        raise Refused("canary and most must be at least 1, tolerance 0 to 1")
