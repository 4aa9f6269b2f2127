"""Unique keys of jobs that wait for others: no call with such a key loses a wait, or makes one without an end."""

from typing import Any

import pytest

from pqkit import Queue, queries
from pqkit.domain.states import JobState
from pqkit.errors import Refused
from pqkit.maintenance.dependency_releaser import Dependents
from pqkit.queue import Leases
from tests.verbs import claim_one, complete, sql, wait_out

pytestmark = pytest.mark.usefixtures("add", "stopped_clocks")
PUT_OFF: list[Any] = [{"debounce": 5.0}, {"replace": True, "delay": 5.0}]


def go_on(queue: Queue) -> list[int]:
    return Dependents(queue.database).go_on()


@pytest.mark.parametrize("options", PUT_OFF)
def test_a_completion_job_that_is_put_off_waits_for_its_members_all_the_same(
    queue: Queue, worker: Leases, options: Any
) -> None:
    with queue.batch("night", "add", {"a": 1}, unique_key="k") as batch:
        batch.enqueue("add", {"a": 2})
    assert queue.enqueue("add", {"a": 3}, unique_key="k", **options).existing
    wait_out(queue, 60)
    go_on(queue)
    assert queue.state(batch.id) is JobState.SCHEDULED
    complete(worker, queue, claim_one(worker))
    assert (go_on(queue), queue.state(batch.id)) == ([batch.id], JobState.SCHEDULED)
    wait_out(queue, 5)
    assert queue.state(batch.id) is JobState.PENDING
    assert queries.job(queue.database, batch.id).job.args == '{"a":3}'


@pytest.mark.parametrize("options", PUT_OFF)
def test_a_job_that_is_put_off_waits_for_the_jobs_before_it_all_the_same(
    queue: Queue, worker: Leases, options: Any
) -> None:
    first = queue.enqueue("add", {"a": 1})
    second = queue.enqueue("add", {"a": 2}, depends_on=[first], unique_key="k")
    queue.enqueue("add", {"a": 3}, unique_key="k", **options)
    wait_out(queue, 60)
    assert (go_on(queue), second.state) == ([], JobState.SCHEDULED)
    complete(worker, queue, claim_one(worker))
    assert go_on(queue) == [second.id]


def test_a_job_that_waits_for_a_batch_cannot_become_its_member(queue: Queue) -> None:
    with queue.batch("night", "add", {"a": 1}) as batch:
        batch.enqueue("add", {"a": 2})
    after = queue.enqueue("add", {"a": 3}, depends_on=[batch.id], unique_key="after")
    queue.enqueue("add", {"a": 4}, depends_on=[after], unique_key="long after")
    circles: list[Any] = [{"unique_key": "after"}, {"unique_key": "long after"}, {"depends_on": [after]}]
    for options in [*circles, {"depends_on": [batch.id]}]:
        with pytest.raises(Refused, match=f"waits for batch {batch.id}: it cannot be a member of it"):
            queue.add_to_batch(batch.id, "add", {"a": 5}, **options)
    assert sql(queue, "SELECT count(*) FROM job") == [(4,)]
    assert queue.add_to_batch(batch.id, "add", {"a": 6}, depends_on=batch.jobs).state is JobState.SCHEDULED


def test_a_member_that_was_there_before_is_told_as_existing(queue: Queue) -> None:
    old = queue.enqueue("add", {"a": 1}, unique_key="k")
    with queue.batch("night", "add", {"a": 7}) as batch:
        pass
    member = queue.add_to_batch(batch.id, "add", {"a": 1}, unique_key="k")
    assert (member.id, member.existing) == (old.id, True)


@pytest.mark.parametrize("verb", ["cancel", "mark_failed", "resubmit"])
def test_a_batch_whose_completion_job_waits_no_more_takes_no_member(queue: Queue, verb: str) -> None:
    with queue.batch("night", "add", {"a": 1}) as batch:
        batch.enqueue("add", {"a": 2})
    getattr(queue.operator(), verb)([batch.id])
    with pytest.raises(Refused, match=f"batch {batch.id} is over"):
        queue.add_to_batch(batch.id, "add", {"a": 3})


def test_a_taken_key_does_not_hide_that_its_job_would_not_wait(queue: Queue, worker: Leases) -> None:
    held = queue.enqueue("add", {"a": 1}, unique_key="k")
    first = queue.enqueue("add", {"a": 2})
    options: Any = {"unique_key": "k", "depends_on": [first]}
    with pytest.raises(Refused, match=f"job {held.id} has the unique key 'k' and does not wait for job {first.id}"):
        queue.enqueue("add", {"a": 3}, **options)
    queue.operator().cancel([first.id])
    assert queue.enqueue("add", {"a": 3}, **options).id == held.id  # nothing is left to wait for


def test_a_kept_key_is_not_taken_from_the_job_that_has_ended(queue: Queue, worker: Leases) -> None:
    kept = queue.enqueue("add", {"a": 1}, unique_key="k", unique_while="kept")
    claimed = claim_one(worker)
    for _ in range(2):
        for options in ({"replace": True}, {"debounce": 5.0}):
            with pytest.raises(Refused, match=f"job {kept.id} keeps the unique key 'k'"):
                queue.enqueue("add", {"a": 2}, unique_key="k", **options)
        assert queue.enqueue("add", {"a": 2}, unique_key="k", unique_while="waiting").id == kept.id
        complete(worker, queue, claimed)


def test_a_job_of_another_task_is_not_replaced(queue: Queue) -> None:
    held = queue.enqueue("add", {"a": 1}, unique_key="k")
    with pytest.raises(Refused, match=f"job {held.id} has the unique key 'k' and is one of the task add"):
        queue.enqueue("remove", {"path": "a"}, unique_key="k", replace=True)
    assert queries.job(queue.database, held.id).job.args == '{"a":1}'
