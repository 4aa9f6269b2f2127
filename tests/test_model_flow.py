"""The model's verbs of flow control: pauses, limits, keys, unique keys, jobs that wait for others, batches."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule, run_state_machine_as_test

from pqkit import Queue, get_queue
from pqkit.domain.queue_limits import PLAIN, QueueSettings
from pqkit.domain.states import JobState as S
from pqkit.domain.states import allows
from pqkit.jobs import unique_keys
from pqkit.jobs.spec import IfFailed
from pqkit.lab.simulation.claim_mutants import pause_ignored
from pqkit.leasing import claim_limits
from pqkit.maintenance import dependency_releaser
from pqkit.maintenance.dependency_releaser import Dependents
from pqkit.models import metadata
from pqkit.queue import Leases
from tests.postgres import Server
from tests.test_model import Expected, History, QueueMachine, caught
from tests.verbs import sql

MODES = ("hold", "continue", "cancel")
FAILED = (S.FAILED, S.UNPROCESSABLE, S.CANCELED)
WANTED = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@dataclass
class Waits:
    """A job that waits for others: how far they have ended, in the order of their ids."""

    mode: str
    parents: list[int]
    batch: bool
    passed: int = 0


class FlowMachine(QueueMachine):
    def __init__(self) -> None:
        super().__init__()
        self.paused = False
        self.limits = PLAIN
        self.waits: dict[int, Waits] = {}
        self.dependents = Dependents(self.queue.database)

    @rule(pause=st.booleans())
    def pause_or_resume(self, pause: bool) -> None:
        operator = self.queue.operator("model")
        (operator.pause if pause else operator.resume)("default")
        self.paused = pause

    @rule(concurrency=st.sampled_from([None, 1, 2]), key_concurrency=st.sampled_from([None, 1]))
    def set_limits(self, concurrency: int | None, key_concurrency: int | None) -> None:
        self.limits = QueueSettings(concurrency=concurrency, key_concurrency=key_concurrency)
        self.queue.operator("model").set_queue("default", concurrency=concurrency, key_concurrency=key_concurrency)

    @rule(target=QueueMachine.jobs, count=st.integers(1, 3))
    def enqueue_with_a_limit_key(self, count: int) -> Any:
        ids = self.queue.enqueue_many("t", [{}] * count, limit_key="a")
        self.model.update({i: Expected(S.PENDING, limit_key="a") for i in ids})
        return multiple(*ids)

    @rule(target=QueueMachine.jobs, key=st.sampled_from("xy"))
    def enqueue_with_a_unique_key(self, key: str) -> Any:
        holder = self.holder(key)
        job = self.queue.enqueue("t", {}, unique_key=key)
        assert job.existing == (holder is not None)
        if holder is not None:
            assert job.id == holder
            return multiple()
        self.model[job.id] = Expected(S.PENDING, unique_key=key)
        return job.id

    @rule(target=QueueMachine.jobs, parent=QueueMachine.jobs, mode=st.sampled_from(MODES))
    def enqueue_behind_another(self, parent: int, mode: IfFailed) -> Any:
        if parent not in self.model:
            return multiple()
        job = self.queue.enqueue("t", {}, depends_on=[parent], if_failed=mode).id
        self.model[job] = Expected(S.SCHEDULED)
        self.waits[job] = Waits(mode, [parent], batch=False)
        return job

    @rule(target=QueueMachine.jobs, members=st.integers(1, 3), mode=st.sampled_from(MODES))
    def enqueue_a_batch(self, members: int, mode: IfFailed) -> Any:
        with self.queue.batch("b", "t", {}, on_member_fail=mode) as batch:
            batch.enqueue_many("t", [{}] * members)
        self.model |= dict.fromkeys(batch.jobs, Expected(S.PENDING))
        self.model[batch.id] = Expected(S.SCHEDULED)
        self.waits[batch.id] = Waits(mode, list(batch.jobs), batch=True)
        return multiple(*batch.jobs, batch.id)

    @rule(seconds=st.sampled_from([-3600, 1, 3, 10]))
    def time_passes_or_steps_back(self, seconds: int) -> None:
        """Maintenance has looked before: a failure is not older than a minute when it does."""
        self.look_after_dependents()
        super().time_passes_or_steps_back(seconds)

    @rule()
    def look_after_dependents(self) -> None:
        before = None
        while before != (before := repr((self.model, self.waits))):
            self.dependents.go_on()
            failed = self._go_on()
            self.dependents.call_off()
            self._call_off(failed)

    def _go_on(self) -> set[int]:
        """The jobs that are to be called off because of what they wait for next."""
        failed = set()
        for job, waits in sorted(self.waits.items()):
            if not self._waiting(job):  # an operator has called it off, or run it at once
                del self.waits[job]
                continue
            left = [i for i in waits.parents if i > waits.passed]
            while left and self._fine(left[0], waits.mode):
                waits.passed = left.pop(0)
            if not left:
                self.model[job] = replace(self.model[job], state=S.PENDING)
                del self.waits[job]
            elif self.model[left[0]].state in FAILED and waits.mode == "cancel":
                failed.add(job)
        return failed

    def _call_off(self, failed: set[int]) -> None:
        for job, waits in self.waits.items():
            if waits.mode == "cancel" and any(self.model[i].state in FAILED for i in waits.parents):
                failed.add(job)
        for job in sorted(failed):
            members = self.waits[job].parents if self.waits[job].batch else []
            for i in [job, *(i for i in members if not self.model[i].state.final)]:
                e = self.model[i]
                if e.state is S.PROCESSING:
                    self.model[i] = replace(e, cancel_asked=True)
                elif allows(e.state, "cancel"):
                    self.model[i] = replace(e, state=S.CANCELED, due=None, suspect=False)

    def _waiting(self, job: int) -> bool:
        return job in self.model and self.model[job].state is S.SCHEDULED and self.model[job].due is None

    def _fine(self, job: int, mode: str) -> bool:
        state = self.model[job].state
        return state is S.COMPLETED or (state.final and mode == "continue")

    def holder(self, key: str) -> int | None:
        return next((i for i, e in self.model.items() if e.unique_key == key and not e.state.final), None)

    def refuses(self, job: int, verb: str) -> bool:
        if verb == "delete":
            return any(job in waits.parents for waits in self.waits.values())
        e = self.model.get(job)
        needs_key = verb == "resubmit" and e is not None and e.unique_key is not None and e.state.final
        return bool(needs_key and e and e.unique_key and self.holder(e.unique_key) is not None)

    def next_of(self, worker: Leases, demand: int, *, alone: bool) -> list[int]:
        if self.paused:
            return []
        if not self.limits.limited:
            return super().next_of(worker, demand, alone=alone)
        running = [e for e in self.model.values() if e.state is S.PROCESSING]
        wanted = min(demand, worker.slots - sum(e.holder == worker.id for e in running))
        if self.limits.concurrency is not None:
            wanted = min(wanted, self.limits.concurrency - len(running))
        if wanted <= 0:
            return []
        of_key = self.limits.key_concurrency
        room = None if of_key is None else of_key - sum(e.limit_key == "a" for e in running)
        suspects = [i for i in self.pending(suspect=True) if self._room(i, room)]
        if suspects:
            return suspects[:1] if alone else []
        taken: list[int] = []
        for job in self.pending(suspect=False):
            if len(taken) < wanted and self._room(job, room):
                taken.append(job)
                room = room if room is None or self.model[job].limit_key is None else room - 1
        return taken

    def _room(self, job: int, room: int | None) -> bool:
        return room is None or self.model[job].limit_key is None or room > 0


TestFlowMachine = FlowMachine.TestCase
TestFlowMachine.settings = WANTED


def test_the_model_holds_on_postgresql(server: Server) -> None:
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    with server.database() as url:
        queue = get_queue(url)

        class Machine(FlowMachine):
            def open_queue(self) -> Queue:
                sql(queue, f"TRUNCATE {tables} RESTART IDENTITY")
                return Queue(queue.database)

            def close_queue(self) -> None:
                """The next example goes on with the same connections."""

        run_state_machine_as_test(Machine, settings=WANTED)
        queue.close()


def _limits_ignored(patch: pytest.MonkeyPatch) -> None:
    honest = claim_limits._room
    patch.setattr(claim_limits, "_room", lambda tx, queue, _, at, taker: honest(tx, queue, PLAIN, at, taker))


def _keys_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claim_limits.Room, "left", lambda _room, _key: claim_limits.MOST)


def _two_hold_a_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(unique_keys, "holder", lambda *_: None)
    patch.setattr(unique_keys, "take", lambda *_: True)


def _nobody_awaited(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dependency_releaser, "_look", lambda _, one: dependency_releaser.Look(one.passed, over=True))


def _failures_not_minded(patch: pytest.MonkeyPatch) -> None:
    honest = dependency_releaser._look
    patch.setattr(dependency_releaser, "_look", lambda tx, one: honest(tx, one._replace(on_fail="continue")))


def _members_not_called_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Dependents, "unfinished", lambda *_: [])


def _two_claimed_at_once(m: FlowMachine) -> None:
    m.set_limits(1, None)
    m.enqueue(None, 2)
    m.claim(0, 2)


def _two_of_a_key_claimed_at_once(m: FlowMachine) -> None:
    m.set_limits(None, 1)
    m.enqueue_with_a_limit_key(2)
    m.claim(0, 2)


def _a_key_asked_for_twice(m: FlowMachine) -> None:
    m.enqueue_with_a_unique_key("x")
    m.enqueue_with_a_unique_key("x")


def _one_behind_another(m: FlowMachine) -> None:
    m.enqueue(None, 1)
    m.enqueue_behind_another(1, "hold")
    m.look_after_dependents()


def _one_behind_a_failed_one(m: FlowMachine) -> None:
    _one_behind_another(m)
    m.operate(1, "mark_failed")
    m.look_after_dependents()


def _a_member_fails(m: FlowMachine) -> None:
    m.enqueue_a_batch(2, "cancel")
    m.operate(1, "mark_failed")
    m.look_after_dependents()


def _a_claim_from_a_paused_queue(m: FlowMachine) -> None:
    m.enqueue(None, 1)
    m.pause_or_resume(True)
    m.claim(0, 1)


@pytest.mark.parametrize(
    ("mutate", "history"),
    [
        (_limits_ignored, _two_claimed_at_once),
        (_keys_ignored, _two_of_a_key_claimed_at_once),
        (_two_hold_a_key, _a_key_asked_for_twice),
        (_nobody_awaited, _one_behind_another),
        (_failures_not_minded, _one_behind_a_failed_one),
        (_members_not_called_off, _a_member_fails),
    ],
)
def test_the_model_finds_flow_control_that_is_wrong(
    mutate: Callable[[pytest.MonkeyPatch], None], history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught(FlowMachine, history, lambda: mutate(monkeypatch))


def test_the_model_finds_a_pause_that_is_ignored() -> None:
    with ExitStack() as stack:
        caught(FlowMachine, _a_claim_from_a_paused_queue, lambda: stack.enter_context(pause_ignored()))
