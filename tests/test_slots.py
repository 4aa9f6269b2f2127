"""No handler, value or error ends a slot: each job comes to an end, and the worker goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pqkit import Job, JobFailed, JobState, Queue, get_queue
from pqkit.queries import workers
from tests import evil
from tests.fleet import Fleet, Process, fleet_of
from tests.support import PATIENCE, wait_until
from tests.verbs import sql

SLOTS = 3


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Queue, Process]]:
    folder = tmp_path_factory.mktemp("evil")
    url = f"sqlite:///{folder}/queue.db"
    queue = get_queue(url)
    with fleet_of(queue, url, folder) as fleet:
        yield queue, fleet.start("w1", "--slots", str(SLOTS), tasks="tests.evil,tests.blocking_handlers")
    queue.close()


def ended(job: Job) -> JobState:
    wait_until(lambda: job.state.final, what=f"the end of job {job.id}")
    return job.state


def all_slots_work(queue: Queue, worker: Process) -> None:
    jobs = [queue.enqueue(name) for name in ("ok", "ok_async") for _ in range(2 * SLOTS)]
    assert {job.result(PATIENCE) for job in jobs} == {"fine"}
    assert not worker.ended
    assert [life.name for life in workers(queue.database)] == ["w1"]
    assert worker.log.count("worker ready") == 1


@pytest.mark.parametrize("task", ["evil", "evil_async", "evil_isolated"])
def test_whatever_a_handler_raises_ends_its_attempt_and_nothing_else(served: tuple[Queue, Process], task: str) -> None:
    queue, worker = served
    jobs = {what: queue.enqueue(task, {"how": "raise", "what": what}) for what in evil.RAISED}
    found = {what: ended(job) for what, job in jobs.items()}
    expected = dict.fromkeys(evil.RAISED, JobState.UNPROCESSABLE)
    assert found == expected | {"mean cancel": JobState.CANCELED, "mean fail": JobState.FAILED}
    assert sql(queue, "SELECT count(*) FROM attempt WHERE outcome = 'crashed'") == [(0,)]
    all_slots_work(queue, worker)


@pytest.mark.parametrize("task", ["evil", "evil_async", "evil_isolated"])
@pytest.mark.parametrize(
    ("how", "what", "state"),
    [
        *(("return", what, JobState.COMPLETED) for what in evil.RETURNED),
        ("report", "exit", JobState.UNPROCESSABLE),
        ("report", "generator", JobState.UNPROCESSABLE),
        ("stage", "interrupt", JobState.UNPROCESSABLE),
        ("session", "exit", JobState.UNPROCESSABLE),
        ("progress", "exit", JobState.COMPLETED),
        ("thread", "exit", JobState.COMPLETED),
    ],
)
def test_whatever_a_handler_hands_over_ends_its_attempt_and_nothing_else(
    served: tuple[Queue, Process], task: str, how: str, what: str, state: JobState
) -> None:
    queue, worker = served
    assert ended(queue.enqueue(task, {"how": how, "what": what})) is state
    all_slots_work(queue, worker)


@pytest.mark.parametrize(
    ("how", "what"),
    [("subtask", "exit"), ("subtask", "interrupt"), ("subtask", "mean exit"), ("callback", ""), ("stop", "")],
)
def test_the_event_loop_outlives_what_its_handlers_leave_in_it(
    served: tuple[Queue, Process], how: str, what: str
) -> None:
    queue, worker = served
    assert queue.enqueue("evil_async", {"how": how, "what": what}).result(PATIENCE) == "survived"
    all_slots_work(queue, worker)


def test_a_handler_that_cancels_all_tasks_of_the_loop_leaves_no_job_behind(served: tuple[Queue, Process]) -> None:
    queue, worker = served
    jobs = [queue.enqueue("quick", {"seconds": 0.5}), queue.enqueue("cancels_all")]
    assert [ended(job).final for job in jobs] == [True, True]
    all_slots_work(queue, worker)


def test_what_is_thrown_into_a_slot_from_outside_is_said_and_the_slot_goes_on(served: tuple[Queue, Process]) -> None:
    queue, worker = served
    queue.enqueue("throws_later").result(PATIENCE)
    wait_until(lambda: queue.enqueue("ok").result(PATIENCE) and "thrown into a slot" in worker.log, what="the word")
    all_slots_work(queue, worker)


@pytest.mark.parametrize(("how", "code"), [("return", "0"), ("raise", "1"), ("exit", "7")])
def test_a_fork_that_leaves_its_handler_ends_and_is_no_second_worker(
    served: tuple[Queue, Process], tmp_path: Path, how: str, code: str
) -> None:
    queue, worker = served
    path = tmp_path / "code"
    assert queue.enqueue("leaves_a_fork", {"path": str(path), "how": how}).result(PATIENCE) == "from the handler"
    assert path.read_text() == code
    all_slots_work(queue, worker)


def test_a_slot_that_has_died_is_replaced_and_its_job_ends_as_failed(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start("w1", "--slots", "1", tasks="tests.dying")
    with pytest.raises(JobFailed, match="the slot that ran it died"):
        queue.enqueue("ends_its_thread", max_retries=0).result(PATIENCE)
    assert "a slot has died and is replaced" in worker.log
    assert queue.enqueue("dying_ok").result(PATIENCE) == "fine"


def test_slots_bound_coroutines_and_threads_together(queue: Queue, fleet: Fleet) -> None:
    fleet.start("w1", "--slots", "2", tasks="tests.blocking_handlers")
    jobs = [queue.enqueue(name) for _ in range(10) for name in ("counted", "counted_sync")]
    assert max(job.result(PATIENCE) for job in jobs) <= 2
