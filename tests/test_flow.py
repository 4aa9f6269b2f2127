"""Jobs that have to do with others: keys, replacing, waiting for each other, batches."""

from contextlib import suppress
from typing import Any

import pytest

from pqkit import Queue, queries
from pqkit.domain.names import BadOrder
from pqkit.domain.outcomes import Fail
from pqkit.domain.states import JobState
from pqkit.domain.tasks import ArgumentError
from pqkit.errors import Refused
from pqkit.maintenance.dependency_releaser import Dependents
from pqkit.queries.why import why
from pqkit.queue import Leases
from pqkit.sql import compiled
from tests.verbs import SECOND, claim, claim_one, complete, fail, sql, wait_out

pytestmark = pytest.mark.usefixtures("add", "stopped_clocks")
DONE, CANCELED, PENDING, SCHEDULED = JobState.COMPLETED, JobState.CANCELED, JobState.PENDING, JobState.SCHEDULED


def go_on(queue: Queue) -> list[int]:
    """What maintenance does about jobs that wait for others; those that it released."""
    dependents = Dependents(queue.database)
    dependents.call_off()
    return dependents.go_on()


def args_of(queue: Queue, job_id: int) -> str:
    return queries.job(queue.database, job_id).job.args


# Unique keys


def test_a_key_may_be_held_while_its_job_waits(queue: Queue, worker: Leases) -> None:
    first = queue.enqueue("add", {"a": 1}, unique_key="k", unique_while="waiting")
    assert queue.enqueue("add", {"a": 1}, unique_key="k", unique_while="waiting").existing
    claimed = claim_one(worker)
    second = queue.enqueue("add", {"a": 1}, unique_key="k", unique_while="waiting")
    assert not second.existing
    complete(worker, queue, claimed)
    assert queue.enqueue("add", {"a": 1}, unique_key="k", unique_while="waiting").id == second.id
    queue.operator().cancel([second.id])
    assert queue.operator().resubmit([first.id]).changed == [first.id]


def test_a_key_may_be_kept_until_its_job_is_deleted(queue: Queue, worker: Leases) -> None:
    first = queue.enqueue("add", {"a": 1}, unique_key="k", unique_while="kept")
    complete(worker, queue, claim_one(worker))
    again = queue.enqueue("add", {"a": 1}, unique_key="k", unique_while="kept")
    assert (again.id, again.existing, again.state) == (first.id, True, DONE)
    assert queue.operator().resubmit([first.id]).changed == [first.id]
    complete(worker, queue, claim_one(worker))
    queue.operator().delete([first.id])
    assert not queue.enqueue("add", {"a": 1}, unique_key="k", unique_while="kept").existing


def test_a_waiting_job_is_replaced_and_a_running_one_is_not(queue: Queue, worker: Leases) -> None:
    first = queue.enqueue("add", {"a": 1}, unique_key="k", replace=True)
    again = queue.enqueue("add", {"a": 2}, unique_key="k", replace=True, priority=-3)
    assert (again.id, again.existing) == (first.id, True)
    claimed = claim_one(worker)
    assert (claimed.args.replace(" ", ""), claimed.priority) == ('{"a":2}', -3)
    assert not queue.enqueue("add", {"a": 3}, unique_key="k", replace=True).existing
    assert args_of(queue, first.id).replace(" ", "") == '{"a":2}'


def test_a_debounced_job_is_due_after_the_last_call(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = queue.database.now()
    first = queue.enqueue("add", {"a": 1}, unique_key="k", debounce=10)
    monkeypatch.setattr(queue.database, "now", lambda: now + 8 * SECOND)
    assert queue.enqueue("add", {"a": 2}, unique_key="k", debounce=10).id == first.id
    assert queries.job(queue.database, first.id).job.due_at == now + 18 * SECOND
    wait_out(queue, 9)
    assert claim(worker) == []
    wait_out(queue, 10)
    assert queue.enqueue("add", {"a": 3}, unique_key="k", debounce=10).id == first.id
    assert claim_one(worker).args.replace(" ", "") == '{"a":3}'
    assert queue.enqueue("add", {"a": 4}, unique_key="k", debounce=10).state is SCHEDULED


@pytest.mark.parametrize(
    "options",
    [
        {"replace": True},
        {"unique_while": "waiting"},
        {"unique_key": "k", "unique_while": "always"},
        {"unique_key": "k", "unique_while": "kept", "replace": True},
        {"unique_key": "k", "debounce": 1, "delay": 1},
        {"depends_on": [99]},
        {"if_failed": "explode"},
    ],
)
def test_options_that_make_no_sense_together_are_refused(queue: Queue, options: dict[str, Any]) -> None:
    with pytest.raises(BadOrder):
        queue.enqueue("add", {"a": 1}, **options)
    assert sql(queue, "SELECT count(*) FROM job") == [(0,)]


# Jobs that wait for others


def test_a_job_waits_until_those_have_completed_that_it_depends_on(queue: Queue, worker: Leases) -> None:
    first, second = queue.enqueue("add", {"a": 1}), queue.enqueue("add", {"a": 1})
    last = queue.enqueue("add", {"a": 1}, depends_on=[first, second.id])
    assert last.state is SCHEDULED
    assert why(queue.database, last.id) == "it waits for job 1, which is pending, and for 1 more"
    assert queries.job(queue.database, last.id).job.due_at is None
    one, two = claim(worker, 3)
    complete(worker, queue, two)
    assert go_on(queue) == []
    complete(worker, queue, one)
    assert "maintenance, which any worker does, releases it" in why(queue.database, last.id)
    assert go_on(queue) == [last.id]
    assert go_on(queue) == []
    assert claim_one(worker).job_id == last.id


@pytest.mark.parametrize(
    ("if_failed", "released", "state"), [("hold", [], SCHEDULED), ("continue", [2], PENDING), ("cancel", [], CANCELED)]
)
def test_a_dependency_that_fails(
    queue: Queue, worker: Leases, if_failed: Any, released: list[int], state: JobState
) -> None:
    first = queue.enqueue("add", {"a": 1})
    last = queue.enqueue("add", {"a": 1}, depends_on=[first], if_failed=if_failed)
    fail(worker, queue, claim_one(worker), Fail("no"))
    assert go_on(queue) == released
    assert last.state is state
    if if_failed == "hold":
        said = why(queue.database, last.id)
        assert said.startswith("it is held, for job 1, which it waits for, is failed: resubmit job 1, or resubmit this")
        queue.operator().resubmit([first.id])
        complete(worker, queue, claim_one(worker))
        assert go_on(queue) == [last.id]


def test_a_dependent_job_keeps_its_delay_and_its_limits(queue: Queue, worker: Leases) -> None:
    first = queue.enqueue("add", {"a": 1})
    later = queue.enqueue("add", {"a": 1}, depends_on=[first], delay=100, limit_key="k")
    complete(worker, queue, claim_one(worker))
    go_on(queue)
    assert later.state is SCHEDULED
    wait_out(queue, 100)
    assert sql(queue, "SELECT job_id, limit_key FROM ready") == [(later.id, "k")]


def test_an_operator_may_run_or_cancel_what_waits_and_delete_nothing_that_is_awaited(
    queue: Queue, worker: Leases
) -> None:
    first = queue.enqueue("add", {"a": 1})
    run, gone = (queue.enqueue("add", {"a": 1}, depends_on=[first]) for _ in range(2))
    queue.operator().resubmit([run.id])
    queue.operator().cancel([gone.id, first.id])
    assert queue.operator().delete([first.id]).refused == {first.id: f"job {run.id} waits for it"}
    assert go_on(queue) == []
    assert queue.operator().delete([first.id]).changed == [first.id]
    assert (run.state, gone.state) == (PENDING, CANCELED)


def test_what_is_awaited_is_not_pruned(queue: Queue, worker: Leases) -> None:
    first, slow = queue.enqueue("add", {"a": 1}), queue.enqueue("add", {"a": 1}, delay=10)
    queue.enqueue("add", {"a": 1}, depends_on=[slow, first])
    complete(worker, queue, claim_one(worker))
    with queue.database.read() as tx:
        assert tx.rows(compiled.EXPIRED, "completed", queue.database.now() + SECOND, 0, 0, "[]", 10) == []


# Batches


def test_a_batch_has_one_completion_job_after_its_last_member(queue: Queue, worker: Leases) -> None:
    with queue.batch("night", "add", {"a": 7}) as batch:
        batch.enqueue("add", {"a": 1})
        batch.enqueue_many("add", [{"a": 2}, {"a": 3}])
    assert (batch.jobs, batch.id) == ([1, 2, 3], 4)
    assert queue.batch_of(2) == batch.id
    running = claim(worker, 9)
    extra = queue.add_to_batch(batch.id, "add", {"a": 4})
    for claimed in running:
        assert go_on(queue) == []
        complete(worker, queue, claimed)
    assert go_on(queue) == []
    assert why(queue.database, batch.id) == f"it waits for job {extra.id}, which is pending"
    complete(worker, queue, claim_one(worker))
    assert go_on(queue) == [batch.id]
    with pytest.raises(Refused, match="is over"):
        queue.add_to_batch(batch.id, "add", {"a": 5})
    view = queries.batch(queue.database, batch.id)
    assert (view.name, view.state, view.members) == ("night", PENDING, {DONE: 4})
    assert queries.members(queue.database, batch.id) == [1, 2, 3, extra.id]
    assert [one.id for one in queries.batches(queue.database)] == [batch.id]


def test_a_batch_that_is_not_finished_is_not_queued(queue: Queue) -> None:
    with suppress(ArgumentError), queue.batch("night", "add", {"a": 7}) as batch:
        batch.enqueue("add", {"a": 1})
        batch.enqueue("add", {"wrong": 1})
    assert sql(queue, "SELECT count(*) FROM job") == [(0,)]
    with queue.batch("empty", "add", {"a": 7}) as batch:
        pass
    assert go_on(queue) == [batch.id]


@pytest.mark.parametrize(
    ("on_member_fail", "state", "others"),
    [("continue", PENDING, PENDING), ("hold", SCHEDULED, PENDING), ("cancel", CANCELED, CANCELED)],
)
def test_a_member_that_fails(
    queue: Queue, worker: Leases, on_member_fail: Any, state: JobState, others: JobState
) -> None:
    with queue.batch("night", "add", {"a": 7}, on_member_fail=on_member_fail) as batch:
        batch.enqueue_many("add", [{"a": 1}] * 3)
    running = claim(worker, 2)
    fail(worker, queue, running[1], Fail("no"))
    go_on(queue)
    assert queue.state(3) is others
    complete(worker, queue, running[0])
    if on_member_fail != "cancel":
        complete(worker, queue, claim_one(worker))
    go_on(queue)
    assert queue.state(batch.id) is state
    assert (sql(queue, "SELECT count(*) FROM lease"), queries.misplaced(queue.database)) == ([(0,)], [])


def test_a_member_that_was_there_before_counts_too(queue: Queue, worker: Leases) -> None:
    old = queue.enqueue("add", {"a": 1}, unique_key="k")
    with queue.batch("night", "add", {"a": 7}) as batch:
        batch.enqueue("add", {"a": 1}, delay=10)
    wait_out(queue, 10)
    claimed = {c.job_id: c for c in claim(worker, 9)}
    complete(worker, queue, claimed[batch.jobs[0]])
    queue.upkeep()
    assert queue.add_to_batch(batch.id, "add", {"a": 1}, unique_key="k").id == old.id
    assert go_on(queue) == []
    complete(worker, queue, claimed[old.id])
    assert go_on(queue) == [batch.id]


@pytest.mark.parametrize("options", [{}, {"replace": True}, {"debounce": 9.0}, {"unique_while": "kept"}])
def test_a_batch_whose_completion_job_cannot_be_queued_is_not_queued_at_all(queue: Queue, options: Any) -> None:
    with queue.batch("night", "report", {"day": 1}, unique_key="night") as first:
        first.enqueue_many("fetch", [{"page": n} for n in range(3)])
    other: dict[str, Any] = {**options, "unique_key": "night"}
    with (
        pytest.raises(Refused, match=f"'night' of its completion job is held by job {first.id}"),
        queue.batch("day", "report", **other) as second,
    ):
        second.enqueue_many("fetch", [{"page": n} for n in range(3)])
    assert [queue.batch_of(job) for job in first.jobs] == [first.id] * 3
    assert queries.counts(queue.database)[PENDING] == 3
    assert args_of(queue, first.id) == '{"day":1}'


def test_a_batch_whose_member_takes_the_key_of_its_completion_job_is_refused(queue: Queue) -> None:
    with pytest.raises(Refused, match="completion job is held"), queue.batch("a", "report", unique_key="k") as batch:
        batch.enqueue("fetch", unique_key="k")
    with queue.batch("b", "report", unique_key="k") as batch:
        batch.enqueue("fetch")
    with pytest.raises(Refused, match="cannot be a member"):
        queue.add_to_batch(batch.id, "fetch", unique_key="k")


def test_a_job_is_not_replaced_by_one_that_would_wait_for_others(queue: Queue) -> None:
    first = queue.enqueue("fetch")
    held = queue.enqueue("report", {"day": 1}, unique_key="k")
    options: Any = {"unique_key": "k", "replace": True, "depends_on": [first]}
    with pytest.raises(Refused, match=f"job {held.id} has the unique key 'k' and does not wait for job {first.id}"):
        queue.enqueue("report", {"day": 2}, **options)
    assert args_of(queue, held.id) == '{"day":1}'
    queue.operator().cancel([held.id])
    waiting = queue.enqueue("report", {"day": 2}, **options)
    again = queue.enqueue("report", {"day": 3}, **options)
    assert (again.id, again.existing) == (waiting.id, True)
    assert args_of(queue, waiting.id) == '{"day":3}'


@pytest.mark.parametrize(
    "more", [{}, {"unique_while": "waiting"}, {"unique_while": "kept"}, {"replace": True}], ids=str
)
def test_a_call_whose_key_is_taken_loses_no_wait(queue: Queue, more: dict[str, Any]) -> None:
    one, other = queue.enqueue("fetch"), queue.enqueue("fetch")
    held = queue.enqueue("report", {"day": 1}, unique_key="k", depends_on=[one], **more)
    again = queue.enqueue("report", {"day": 1}, unique_key="k", depends_on=[one], **more)
    assert (again.id, again.existing) == (held.id, True)
    lost = f"^job {held.id} has the unique key 'k' and does not wait for job {other.id}$"
    with pytest.raises(Refused, match=lost):
        queue.enqueue("report", {"day": 2}, unique_key="k", depends_on=[one, other], **more)
    with pytest.raises(Refused, match=lost), queue.batch("night", "add", {"a": 1}) as batch:
        batch.enqueue("report", {"day": 2}, unique_key="k", depends_on=[other], **more)
    with pytest.raises(Refused, match=f"does not wait for job {held.id}$"):
        queue.enqueue("report", {"day": 2}, unique_key="k", depends_on=[held], **more)
    assert args_of(queue, held.id) == '{"day":1}'
    assert sum(queries.counts(queue.database).values()) == 3


def test_a_refused_call_leaves_nothing_in_the_callers_transaction(queue: Queue) -> None:
    first = queue.enqueue("fetch")
    held = queue.enqueue("report", {"day": 1}, unique_key="k", unique_while="waiting")
    with queue.session() as session:
        with pytest.raises(Refused):
            queue.enqueue(
                "report", {"day": 2}, session=session, unique_key="k", replace=True, priority=5, depends_on=[first]
            )
        with pytest.raises(BadOrder):
            queue.enqueue("report", {"day": 3}, session=session, depends_on=[10**9])
        session.commit()
    assert args_of(queue, held.id) == '{"day":1}'
    assert sum(queries.counts(queue.database).values()) == 2


def test_a_debounced_call_does_not_end_the_wait_of_the_job_that_has_its_key(queue: Queue, worker: Leases) -> None:
    first = queue.enqueue("add", {"a": 1})
    waiting = queue.enqueue("add", {"a": 2}, unique_key="k", depends_on=[first])
    with queue.batch("night", "add", {"a": 3}, unique_key="night") as batch:
        batch.enqueue("add", {"a": 4})
    for key in ("k", "night"):
        assert queue.enqueue("add", {"a": 5}, unique_key=key, debounce=60).existing
    wait_out(queue, 61)
    assert go_on(queue) == []
    for claimed in claim(worker, 10):
        assert claimed.job_id in {first.id, *batch.jobs}
        complete(worker, queue, claimed)
    assert sorted(go_on(queue)) == [waiting.id, batch.id]
    assert args_of(queue, batch.id) == '{"a":5}'


def test_what_waits_for_others_is_debounced_from_the_last_call_on(queue: Queue, worker: Leases) -> None:
    first = queue.enqueue("add", {"a": 1})
    waiting = queue.enqueue("add", {"a": 2}, unique_key="k", depends_on=[first])
    queue.enqueue("add", {"a": 5}, unique_key="k", debounce=60)
    complete(worker, queue, claim_one(worker))
    assert go_on(queue) == [waiting.id]
    assert waiting.state is SCHEDULED
    due = queries.job(queue.database, waiting.id).job.due_at
    assert due is not None
    assert due <= queue.database.now() + 60 * SECOND
