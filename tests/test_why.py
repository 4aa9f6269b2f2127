"""`why` names the reason that the claim itself would meet."""

from typing import Any

import pytest

from pqkit import NotFound, Queue
from pqkit.domain.outcomes import Fail
from pqkit.queries.why import why
from pqkit.queue import Leases
from tests.conftest import a_worker
from tests.verbs import SECOND, claim, claim_one, fail, sql

pytestmark = pytest.mark.usefixtures("add")


def test_nobody_is_there_to_run_it(queue: Queue, add: Any) -> None:
    job = queue.enqueue(add, {"a": 1})
    assert why(queue.database, job.id) == "no worker is running"
    a_worker(queue, "w1", ("other",))
    assert why(queue.database, job.id) == "no running worker knows the task add"
    queue.leases("w2", 1, ["add"], ["images"]).register()
    assert why(queue.database, job.id) == "no running worker that may take it serves the queue default"
    a_worker(queue, "w3")
    assert why(queue.database, job.id) == "it is the next of its queue: it waits for a free slot"
    queue.operator().assign([job.id], "w9")
    assert "assigned to w9" in why(queue.database, job.id)


@pytest.mark.usefixtures("stopped_clocks")
def test_its_queue_is_paused(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1})
    operator = queue.operator("ada")
    operator.pause("default", reason="release", until=queue.database.now() + 600 * SECOND)
    said = why(queue.database, job.id)
    assert "paused by ada" in said
    assert "for 10 min more: release" in said
    operator.resume("default")
    assert "paused" not in why(queue.database, job.id)


def test_others_are_ahead_of_it(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue_many(add, [{"a": 1}] * 3, priority=-1)
    queue.enqueue_many(add, [{"a": 1}] * 2)
    queue.enqueue_many(add, [{"a": 1}] * 5, priority=1)
    assert why(queue.database, 5).startswith("4 jobs of its queue are ahead")


@pytest.mark.usefixtures("stopped_clocks")
def test_it_is_not_due_runs_or_has_ended(queue: Queue, add: Any, worker: Leases) -> None:
    later, job = queue.enqueue(add, {"a": 1}, delay=30), queue.enqueue(add, {"a": 1})
    assert why(queue.database, later.id) == "it is not due yet: due in 30 s"
    claimed = claim_one(worker)
    assert "it is running: w1 has it" in why(queue.database, job.id)
    job.cancel()
    assert "asked to stop" in why(queue.database, job.id)
    fail(worker, queue, claimed)
    assert "attempt 1 failed (ValueError: no)" in why(queue.database, job.id)
    queue.operator().resubmit([job.id])
    fail(worker, queue, claim_one(worker), Fail("no use"))
    assert why(queue.database, job.id).startswith("it has ended: failed")
    with pytest.raises(NotFound):
        why(queue.database, 99)


def test_a_suspect_waits_to_be_alone(queue: Queue, add: Any, worker: Leases) -> None:
    ids = queue.enqueue_many(add, [{"a": 1}] * 2)
    claim(worker, 2)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {worker.id}")
    queue.upkeep().rescue(None)
    a_worker(queue, "w2")
    assert "to run alone" in why(queue.database, ids[0])


@pytest.mark.parametrize("change", ["nothing", "pause", "assign", "unknown task", "other queue"])
def test_it_agrees_with_the_claim(queue: Queue, add: Any, change: str) -> None:
    """Whatever is changed: the claim takes the job exactly when `why` names no obstacle."""
    job = queue.enqueue("add" if change != "unknown task" else "strange", {"a": 1})
    leases = queue.leases("w1", 1, ["add"], ["images"] if change == "other queue" else [])
    leases.register()
    if change == "pause":
        queue.operator().pause("default")
    if change == "assign":
        queue.operator().assign([job.id], "w2")
    free = "waits for a free slot" in why(queue.database, job.id)
    assert free == bool(claim(leases)) == (change == "nothing")
