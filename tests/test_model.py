"""All verbs in any order against a model of a few lines, with a clock that steps both ways."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from sqlalchemy import bindparam, delete

from pqkit import Queue, get_queue
from pqkit.db import Transaction, system_clock
from pqkit.db.sqlite.driver import sqlite
from pqkit.domain.outcomes import MAX_CRASHES, Cancel, Claim, Fail, Snooze, Stopped, ended_by
from pqkit.domain.retry_policy import delay_before
from pqkit.domain.states import JobState as S
from pqkit.domain.states import allows
from pqkit.jobs import transitions
from pqkit.lab.harness.faults import CARRIED
from pqkit.lab.harness.forking_producer import queue_in_child
from pqkit.leasing import finish as settle
from pqkit.leasing import worker_leases
from pqkit.maintenance import rescuer
from pqkit.queries import misplaced
from pqkit.queue import Finished, Leases
from pqkit.sql.definitions.builder import Declared
from pqkit.sql.definitions.tables import LEASE
from tests.verbs import SECOND, complete

MAX_RETRIES = 3


@dataclass(frozen=True)
class Expected:
    """What the model says of one job."""

    state: S
    attempt: int = 0
    retries: int = 0
    crashes: int = 0
    suspect: bool = False
    holder: int | None = None
    due: int | None = None
    cancel_asked: bool = False
    limit_key: str | None = None
    unique_key: str | None = None


class QueueMachine(RuleBasedStateMachine):
    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.queue = self.open_queue()
        self.time = system_clock.wall()
        self.queue.database.now = lambda: self.time  # type: ignore[method-assign]
        self.model: dict[int, Expected] = {}
        self.workers = [self._hire(n) for n in range(2)]
        self.hired = 2

    def open_queue(self) -> Queue:
        """A queue without any job."""
        self.folder = tempfile.TemporaryDirectory()
        return get_queue(f"sqlite:///{self.folder.name}/q.db", durability="normal")

    def close_queue(self) -> None:
        self.queue.close()
        self.folder.cleanup()

    def _hire(self, number: int) -> Leases:
        worker = self.queue.leases(f"w{number}", 2, ["t"])
        worker.register()
        return worker

    @rule(target=jobs, delay=st.sampled_from([None, 5]), count=st.integers(1, 3))
    def enqueue(self, delay: float | None, count: int) -> Any:
        ids = self.queue.enqueue_many("t", [{}] * count, delay=delay)
        state, due = (S.PENDING, None) if delay is None else (S.SCHEDULED, self.time + 5 * SECOND)
        self.model.update({i: Expected(state, due=due) for i in ids})
        return multiple(*ids)

    @rule(target=claims, which=st.integers(0, 1), demand=st.integers(1, 3))
    def claim(self, which: int, demand: int) -> Any:
        worker = self.workers[which]
        alone = not any(e.holder == worker.id for e in self.model.values())
        got = worker.exchange([], demand, alone=alone).claims
        expected = [] if self.runs_a_suspect(worker) else self.next_of(worker, demand, alone=alone)
        assert [c.job_id for c in got] == expected
        for i in expected:
            e = self.model[i]
            self.model[i] = replace(e, state=S.PROCESSING, attempt=e.attempt + 1, holder=worker.id)
        return multiple(*got)

    def enqueue_in_a_child(self) -> None:
        """A fork queues jobs while its parent closes the queue; no random step, for it takes a process."""
        told = queue_in_child(self.queue, "t")
        assert len(told) == 2
        self.model.update(dict.fromkeys(told, Expected(S.PENDING)))

    def pending(self, *, suspect: bool) -> list[int]:
        return sorted(i for i, e in self.model.items() if e.state is S.PENDING and e.suspect == suspect)

    def runs_a_suspect(self, worker: Leases) -> bool:
        return any(e.holder == worker.id and e.suspect for e in self.model.values())

    def next_of(self, _worker: Leases, demand: int, *, alone: bool) -> list[int]:
        """What a worker claims."""
        suspects = self.pending(suspect=True)
        return (suspects[:1] if alone else []) if suspects else self.pending(suspect=False)[:demand]

    @rule(claim=claims, how=st.sampled_from(["complete", "error", "fail", "cancel", "snooze", "stop"]))
    def finish(self, claim: Claim, how: str) -> None:
        """Any claim ever made may come back to finish: only the one that is held now is let through."""
        worker = next((w for w in self.workers if w.id == claim.worker_id), self.workers[0])
        e = self.model.get(claim.job_id)
        held = bool(e and (e.state, e.attempt, e.holder) == (S.PROCESSING, claim.attempt, claim.worker_id))
        if how == "complete":
            accepted = complete(worker, self.queue, claim)
        else:
            error = {
                "error": ValueError(),
                "fail": Fail(),
                "cancel": Cancel(),
                "snooze": Snooze(9),
                "stop": Stopped(),
            }[how]
            outcome = ended_by(claim, error)
            turn = worker.exchange([Finished(claim, outcome, self.time, self.time)], 0, alone=False)
            accepted = not turn.refused
        assert accepted == held
        if held and e:
            self.model[claim.job_id] = self._after(e, how)

    def _after(self, e: Expected, how: str) -> Expected:
        e = replace(e, holder=None, cancel_asked=False)
        match how:
            case "stop":
                return replace(e, state=S.PENDING)
            case "snooze":
                return replace(e, state=S.SCHEDULED, due=self.time + 9 * SECOND, suspect=False)
            case "error" if e.retries < MAX_RETRIES:
                due = self.time + round(delay_before(e.retries + 1) * SECOND)
                return replace(e, state=S.RETRYING, due=due, retries=e.retries + 1, suspect=False)
        state = {"complete": S.COMPLETED, "fail": S.FAILED, "cancel": S.CANCELED}.get(how, S.UNPROCESSABLE)
        return replace(e, state=state, retries=e.retries + (how == "error"), suspect=False)

    @rule(which=st.integers(0, 1))
    def worker_dies(self, which: int) -> None:
        held = self._bury(which)
        for i in held:
            e = replace(self.model[i], holder=None, suspect=True)
            if e.cancel_asked:
                self.model[i] = replace(e, state=S.CANCELED, cancel_asked=False, suspect=False)
            elif len(held) > 1:
                self.model[i] = replace(e, state=S.PENDING)
            else:
                crashes = e.crashes + 1
                out = crashes >= MAX_CRASHES
                state = S.UNPROCESSABLE if out else S.PENDING
                self.model[i] = replace(e, state=state, crashes=crashes, suspect=not out)

    @rule(which=st.integers(0, 1))
    def worker_announces_its_stop_and_is_killed(self, which: int) -> None:
        """Its end is no evidence against what it held."""
        self.workers[which].beat(stopping=True)
        for i in self._bury(which):
            e = self.model[i]
            ended = replace(e, state=S.CANCELED, cancel_asked=False, suspect=False)
            self.model[i] = replace(ended if e.cancel_asked else replace(e, state=S.PENDING), holder=None)

    def _bury(self, which: int) -> list[int]:
        """Kill a worker, rescue and replace it; the jobs that it held."""
        dead = self.workers[which]
        with self.queue.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE worker SET process_start = 1 WHERE id = {dead.id}")
        self.queue.upkeep().rescue(None)
        self.hired += 1
        self.workers[which] = self._hire(self.hired)
        return [i for i, e in self.model.items() if e.holder == dead.id]

    @rule(seconds=st.sampled_from([-3600, 1, 3, 10]))
    def time_passes_or_steps_back(self, seconds: int) -> None:
        self.time += seconds * SECOND
        self.queue.upkeep().stage()
        for i, e in self.model.items():
            if e.due is not None and e.due <= self.time:
                self.model[i] = replace(e, state=S.PENDING, due=None)

    @rule(job=jobs, verb=st.sampled_from(["cancel", "resubmit", "mark_failed", "delete"]))
    def operate(self, job: int, verb: str) -> None:
        done = getattr(self.queue.operator("model"), verb)([job])
        e = self.model.get(job)
        fits = e is not None and allows(e.state, verb) and not (verb == "cancel" and e.cancel_asked)
        fits = fits and not self.refuses(job, verb)
        assert bool(done.changed) == fits
        if not fits or e is None:
            return
        if verb == "delete":
            del self.model[job]
        elif verb == "resubmit":
            self.model[job] = replace(e, state=S.PENDING, retries=0, crashes=0, suspect=False, due=None)
        elif e.state is S.PROCESSING:
            self.model[job] = replace(e, cancel_asked=True)
        else:
            self.model[job] = replace(e, state=S.CANCELED if verb == "cancel" else S.FAILED, due=None, suspect=False)

    def refuses(self, _job: int, _verb: str) -> bool:
        """Whether something else than the job's state speaks against it."""
        return False

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        assert misplaced(self.queue.database) == []
        with self.queue.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT id, state, attempt, retries, crashes FROM job_state").fetchall()
        said = {row[0]: tuple(row[1:]) for row in rows}
        assert said == {i: (e.state, e.attempt, e.retries, e.crashes) for i, e in self.model.items()}

    def teardown(self) -> None:
        self.close_queue()


def _fence_by_job_id_only(patch: pytest.MonkeyPatch) -> None:
    by_id = Declared(delete(LEASE).where(LEASE.c.job_id == bindparam("the_job_id")), ("the_job_id",)).compile()

    def settle_each(tx: Transaction, finished: Sequence[Finished], **_: object) -> list[Finished]:
        refused = [f for f in finished if not tx.run(by_id, f.claim.job_id)]
        settle._write(tx, [f for f in finished if f not in refused])
        return refused

    patch.setattr(worker_leases, "settle_each", settle_each)


def _everybody_charged(patch: pytest.MonkeyPatch) -> None:
    honest = rescuer._lost
    patch.setattr(rescuer, "_lost", lambda claim, asked, reason, alone: honest(claim, asked, reason, alone=True))


def _announcements_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rescuer, "judged", lambda _worker, reason, _boot, _is_heard: (reason, False))


def _attempt_starts_again_at_resubmit(patch: pytest.MonkeyPatch) -> None:
    honest = transitions.resubmit
    patch.setattr(transitions, "resubmit", lambda tx, job, now: honest(tx, job._replace(attempt=0), now))


def _forks_ignored(patch: pytest.MonkeyPatch) -> None:
    for owner, name in CARRIED:
        patch.setattr(owner, name, lambda *_: None)


History = Callable[[Any], None]


def follow(machine: type[QueueMachine], history: History) -> None:
    """Go through one history step by step, as the random ones are gone through."""
    state = machine()
    try:
        history(state)
        state.the_database_says_what_the_model_says()
    finally:
        state.teardown()


def caught(machine: type[QueueMachine], history: History, mutate: Callable[[], object]) -> None:
    """The history is fine with the queue as it is, and shows the mutant each time."""
    follow(machine, history)
    mutate()
    # The history's own key may refuse a second row for one attempt before the model is asked.
    with pytest.raises((AssertionError, sqlite.IntegrityError)):
        follow(machine, history)


def _a_dead_worker_finishes(m: QueueMachine) -> None:
    m.enqueue(None, 1)
    (lost,) = m.claim(0, 1).values
    m.worker_dies(0)
    m.claim(1, 1)
    m.finish(lost, "complete")


def _a_worker_dies_with_two(m: QueueMachine) -> None:
    m.enqueue(None, 2)
    m.claim(0, 2)
    m.worker_dies(0)


def _a_worker_is_killed_at_its_stop(m: QueueMachine) -> None:
    m.enqueue(None, 1)
    m.claim(0, 1)
    m.worker_announces_its_stop_and_is_killed(0)
    m.claim(1, 1)


def _a_completed_job_is_resubmitted(m: QueueMachine) -> None:
    m.enqueue(None, 1)
    (claim,) = m.claim(0, 1).values
    m.finish(claim, "complete")
    m.operate(claim.job_id, "resubmit")


def _a_child_queues(m: QueueMachine) -> None:
    m.enqueue(None, 1)
    m.enqueue_in_a_child()


@pytest.mark.parametrize(
    ("mutate", "history"),
    [
        (_forks_ignored, _a_child_queues),
        (_fence_by_job_id_only, _a_dead_worker_finishes),
        (_everybody_charged, _a_worker_dies_with_two),
        (_announcements_ignored, _a_worker_is_killed_at_its_stop),
        (_attempt_starts_again_at_resubmit, _a_completed_job_is_resubmitted),
    ],
)
def test_the_model_finds_a_queue_that_is_wrong(
    mutate: Callable[[pytest.MonkeyPatch], None], history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught(QueueMachine, history, lambda: mutate(monkeypatch))
