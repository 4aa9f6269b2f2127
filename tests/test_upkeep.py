import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pqkit import JobState, Queue
from pqkit.db import system_clock
from pqkit.domain.outcomes import MAX_CRASHES, completed
from pqkit.maintenance.base import BATCH
from pqkit.queries import misplaced
from pqkit.queue import Leases
from tests.conftest import a_worker
from tests.verbs import SECOND, claim, claim_one, complete, end, fail, set_lease_clock, sql, wait_out

pytestmark = pytest.mark.usefixtures("add")

ENOUGH = 1_200
Clocks = Callable[..., None]
CUT_SHORT = """
import os, signal, sys
from pqkit import get_queue
from pqkit.queue import Upkeep
free_some, batches = Upkeep._free_some, []
def dying(self, *arguments, **options):
    if batches:
        os.kill(os.getpid(), signal.SIGKILL)
    batches.append(free_some(self, *arguments, **options))
    return batches[0]
Upkeep._free_some = dying
get_queue(sys.argv[1]).upkeep().rescue(None)
"""


def seem_dead(queue: Queue, worker: Leases) -> None:
    sql(queue, f"UPDATE worker SET process_start = process_start + 1 WHERE id = {worker.id}")


def test_staging_goes_through_more_than_one_batch(queue: Queue, add: Any) -> None:
    queue.enqueue_many(add, [{"a": n} for n in range(ENOUGH)], delay=500)
    assert queue.upkeep().stage() == 0
    assert queue.upkeep().stage(queue.database.now() + 501 * SECOND) == ENOUGH
    assert misplaced(queue.database) == []


def test_a_worker_that_beats_is_left_alone(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue(add, {"a": 1})
    claim_one(worker)
    assert queue.upkeep().rescue(30) == []


@pytest.mark.usefixtures("stopped_clocks")
def test_a_silent_worker_loses_its_jobs_and_they_keep_their_place(queue: Queue, add: Any, worker: Leases) -> None:
    first, second = queue.enqueue_many(add, [{"a": 1}, {"a": 2}])
    claim_one(worker)
    sql(queue, f"UPDATE worker SET machine_at = NULL, beat = beat - {31 * SECOND}")
    assert queue.upkeep().rescue(None) == [], "its process is there; only the silence speaks against it"
    (rescued,) = queue.upkeep().rescue(30)
    assert rescued.requeued == [first]
    assert "no heartbeat for 31 s" in rescued.reason
    other = a_worker(queue, "w2")
    assert [claim_one(other).job_id, claim_one(other).job_id] == [first, second]


def test_a_gone_process_is_found_without_waiting_for_silence(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue(add, {"a": 1})
    claim_one(worker)
    seem_dead(queue, worker)
    (rescued,) = queue.upkeep().rescue(None)
    assert rescued.reason == "its process is gone"
    assert queue.upkeep().rescue(None) == [], "once is enough"


def test_another_boot_means_dead_at_once(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue(add, {"a": 1})
    claim_one(worker)
    sql(queue, "UPDATE worker SET boot_id = 'the boot before'")
    assert queue.upkeep().rescue(None)[0].reason == "its machine was started anew"


def test_pids_of_another_container_are_not_looked_up_here(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue(add, {"a": 1})
    claim_one(worker)
    sql(queue, "UPDATE worker SET pid_space = 'elsewhere', process_start = 1")
    assert queue.upkeep().rescue(None) == []


def test_leases_whose_worker_has_no_registry_row_are_rescued(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue_many(add, [{"a": n} for n in range(ENOUGH)])
    claim(worker, ENOUGH)
    sql(queue, "DELETE FROM worker")
    (rescued,) = queue.upkeep().rescue(None)
    assert len(rescued.requeued) == ENOUGH
    assert misplaced(queue.database) == []


def test_a_wall_clock_that_steps_an_hour_rescues_nobody(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(add, {"a": 1})
    claim_one(worker)
    for step in (3_600, -3_600):
        monkeypatch.setattr(system_clock, "wall", lambda step=step: system_clock.time.time_ns() // 1000 + step * SECOND)
        assert queue.upkeep().rescue(30) == []


def test_the_job_that_kills_its_workers_is_set_aside_and_its_neighbours_are_not_charged(queue: Queue, add: Any) -> None:
    """A worker dies while it holds five jobs; job 3 kills every worker that runs it."""
    ids = queue.enqueue_many(add, [{"a": n} for n in range(5)])
    guilty = ids[2]
    deaths = 0
    for life in range(20):
        worker = a_worker(queue, f"w{life}")
        while claims := claim(worker, 5):
            if any(c.job_id == guilty for c in claims):
                deaths += 1
                seem_dead(queue, worker)
                queue.upkeep().rescue(None)
                break
            for c in claims:
                complete(worker, queue, c)
    assert queue.state(guilty) is JobState.UNPROCESSABLE
    assert deaths == MAX_CRASHES + 1, "once among others, then alone until the limit"
    assert {queue.state(i) for i in ids if i != guilty} == {JobState.COMPLETED}
    assert sql(queue, "SELECT job_id FROM closed WHERE crashes > 0") == [(guilty,)]


def test_a_suspect_waits_until_it_can_be_alone(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue_many(add, [{"a": n} for n in range(3)])
    claim(worker, 2)
    seem_dead(queue, worker)
    queue.upkeep().rescue(None)
    other = a_worker(queue, "w2")
    assert other.exchange([], 9, alone=False).claims == []
    first = claim(other, 9)
    assert len(first) == 1, "nothing is claimed beside a suspect"
    fail(other, queue, first[0])
    wait_out(queue, 2)
    clean = claim(other, 9)
    assert len(clean) == 1
    complete(other, queue, clean[0])
    assert len(claim(other, 9)) == 2, "both are clean now: one reported, one was never suspected"


def test_a_burial_that_its_rescuer_did_not_survive_has_not_happened(
    queue: Queue, url: str, add: Any, worker: Leases
) -> None:
    """However many leases there are: a second rescuer must not find one alone that was not."""
    queue.enqueue_many(add, [{"a": n} for n in range(BATCH + 1)])
    claim(worker, BATCH + 1)
    seem_dead(queue, worker)
    assert subprocess.run([sys.executable, "-c", CUT_SHORT, url], check=False).returncode == -signal.SIGKILL
    assert sql(queue, "SELECT count(*) FROM lease") == [(BATCH + 1,)]
    (rescued,) = queue.upkeep().rescue(None)
    assert len(rescued.requeued) == BATCH + 1
    assert sql(queue, "SELECT sum(suspect), sum(crashes) FROM ready") == [(BATCH + 1, 0)]


def test_a_job_left_by_a_worker_whose_end_is_on_record_is_not_charged(queue: Queue, add: Any, worker: Leases) -> None:
    """Nothing says that it was this job that ended the worker."""
    queue.enqueue(add, {"a": 1})
    claim_one(worker)
    worker.end("stopped")
    assert len(queue.upkeep().rescue(None)[0].requeued) == 1
    assert sql(queue, "SELECT suspect, crashes FROM ready") == [(1, 0)]


@pytest.mark.parametrize("lives", [1, 2])
@pytest.mark.parametrize(
    ("happened", "words"),
    [
        ("boot_id = 'the boot before'", "its machine was started anew"),
        ("stopping_at = 1, process_start = process_start + 1", "after it was told to stop"),
        (
            "pid_space = 'another-boot space', machine_at = NULL, beat = beat - 31000000",
            "no other worker of its machine is heard",
        ),
    ],
)
def test_an_end_that_is_no_evidence_charges_no_job_and_suspects_none(
    queue: Queue, add: Any, happened: str, words: str, lives: int
) -> None:
    jobs = queue.enqueue_many(add, [{"a": n} for n in range(lives)])
    for name in range(MAX_CRASHES + 1):
        claim(a_worker(queue, f"w{name}"), lives)
        sql(queue, f"UPDATE worker SET {happened} WHERE ended_at IS NULL")
        (rescued,) = queue.upkeep().rescue(30)
        assert (rescued.requeued, rescued.excused) == (jobs, True)
        assert words in rescued.reason
    assert sql(queue, "SELECT retries, crashes, suspect FROM ready") == [(0, 0, 0)] * lives


@pytest.mark.usefixtures("stopped_clocks")
def test_a_silent_worker_is_evidence_where_another_of_its_machine_is_heard(queue: Queue, add: Any) -> None:
    queue.enqueue(add, {"a": 1})
    dead, other = a_worker(queue, "w1"), a_worker(queue, "w2")
    claim_one(dead)
    sql(queue, "UPDATE worker SET pid_space = 'another-boot space'")
    sql(queue, f"UPDATE worker SET machine_at = NULL, beat = beat - {31 * SECOND} WHERE id = {dead.id}")
    sql(queue, f"UPDATE worker SET pid_space = 'another-boot space-2' WHERE id = {other.id}")
    (rescued,) = queue.upkeep().rescue(30)
    assert (rescued.worker, rescued.excused) == ("w1", False)
    assert sql(queue, "SELECT crashes FROM ready") == [(1,)]


@pytest.fixture
def clocks(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Set both clocks to so many seconds from now: what the machine has slept is on the wall clock alone."""
    (boot, begun), wall = queue.database.lease_clock(), system_clock.wall()

    def at(awake: int, slept: int = 0) -> None:
        monkeypatch.setattr(system_clock, "wall", lambda: wall + (awake + slept) * SECOND)
        set_lease_clock(monkeypatch, queue, boot, begun + awake * SECOND)

    return at


@pytest.mark.sqlite
def test_a_machine_that_slept_finds_its_workers_alive_and_the_dead_no_later(
    queue: Queue, add: Any, worker: Leases, clocks: Clocks
) -> None:
    silent, delayed = a_worker(queue, "w2"), queue.enqueue(add, {"a": 1}, delay=600)
    upkeep = queue.upkeep()
    clocks(20)
    worker.beat()
    clocks(21, slept=3_600)
    assert upkeep.rescue(30) == []
    assert upkeep.stage() == 1
    assert delayed.state is JobState.PENDING
    clocks(31, slept=3_600)
    (rescued,) = upkeep.rescue(30)
    assert (rescued.worker, rescued.reason) == (silent.name, "no heartbeat for 31 s")


@pytest.fixture
def asleep(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Set the server's clock and this machine's to so many seconds from now: the server's goes on while we sleep."""
    _, begun = queue.database.lease_clock()

    def at(awake: int, slept: int = 0) -> None:
        set_lease_clock(monkeypatch, queue, "server", begun + (awake + slept) * SECOND)
        monkeypatch.setattr(queue.database, "machine_clock", lambda: awake * SECOND)

    return at


@pytest.mark.postgresql
def test_a_machine_that_slept_beside_a_server_finds_its_workers_alive(queue: Queue, add: Any, asleep: Clocks) -> None:
    queue.enqueue(add, {"a": 1})
    asleep(0)
    worker, silent = a_worker(queue, "w1"), a_worker(queue, "w2")
    asleep(20)
    worker.beat()
    claim_one(worker)
    asleep(21, slept=3_600)
    assert queue.upkeep().rescue(30) == []
    asleep(31, slept=3_600)
    (rescued,) = queue.upkeep().rescue(30)
    assert (rescued.worker, rescued.reason) == (silent.name, "no heartbeat for 31 s")


@pytest.mark.postgresql
@pytest.mark.parametrize(("later", "excused"), [(2, True), (20, False)])
def test_a_worker_that_a_machine_lost_after_its_sleep_is_judged_by_the_time_that_it_was_awake(
    queue: Queue, add: Any, asleep: Clocks, later: int, excused: bool
) -> None:
    """One had beaten again when the machine was lost, the other had no time to, or had been silent for long."""
    queue.enqueue(add, {"a": 1})
    asleep(0)
    lost, other = a_worker(queue, "w1"), a_worker(queue, "w2")
    claim_one(lost)
    asleep(later, slept=3_600)
    other.beat()
    sql(queue, "UPDATE worker SET pid_space = 'another-boot space'")
    asleep(later + 31, slept=3_600)
    found = {rescued.worker: rescued.excused for rescued in queue.upkeep().rescue(30)}
    assert found["w1"] is excused


def test_by_a_clock_that_goes_on_in_a_sleep_everybody_would_be_dead(
    queue: Queue, worker: Leases, clocks: Clocks
) -> None:
    clocks(20)
    worker.beat()
    clocks(21 + 3_600)
    assert [rescued.worker for rescued in queue.upkeep().rescue(30)] == [worker.name]


def test_a_cancel_asked_of_a_job_whose_worker_died_is_carried_out(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1})
    claim_one(worker)
    job.cancel()
    seem_dead(queue, worker)
    queue.upkeep().rescue(None)
    assert job.state is JobState.CANCELED


@pytest.mark.usefixtures("stopped_clocks")
def test_one_worker_at_a_time_has_the_duty(queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    upkeep, other = queue.upkeep(), a_worker(queue, "w2")
    assert upkeep.take_duty(worker.id)
    assert not upkeep.take_duty(other.id)
    assert upkeep.take_duty(worker.id), "the holder renews it"
    boot, now = queue.database.lease_clock()
    set_lease_clock(monkeypatch, queue, boot, now + 6 * SECOND)
    assert upkeep.take_duty(other.id), "a holder that stopped renewing loses it"
    upkeep.drop_duty(worker.id)
    assert not upkeep.take_duty(worker.id), "who does not hold it cannot drop it"
    set_lease_clock(monkeypatch, queue, "another boot", 0)
    assert upkeep.take_duty(worker.id)


@pytest.mark.usefixtures("stopped_clocks")
def test_a_duty_is_renewed_until_its_time_is_over(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    (boot, now), upkeep, ends = queue.database.lease_clock(), queue.upkeep(), []
    assert not upkeep.renew_duty(worker.id), "who has none has none to renew"
    assert upkeep.take_duty(worker.id)
    for seconds in (4, 8, 13):
        set_lease_clock(monkeypatch, queue, boot, now + seconds * SECOND)
        ends.append((upkeep.renew_duty(worker.id), sql(queue, "SELECT until FROM duty")[0][0] - now))
    assert ends == [(True, 9 * SECOND), (True, 13 * SECOND), (False, 13 * SECOND)]
    assert upkeep.take_duty(a_worker(queue, "w2").id)
    assert not upkeep.renew_duty(worker.id), "another has it"


def test_the_duty_of_a_worker_whose_process_is_gone_is_taken_at_once(queue: Queue, worker: Leases) -> None:
    other = a_worker(queue, "w2")
    assert queue.upkeep().take_duty(worker.id)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {worker.id}")
    assert queue.upkeep().take_duty(other.id)


def test_a_staged_file_left_by_a_crash_is_put_in_place(queue: Queue, add: Any, worker: Leases, tmp_path: Path) -> None:
    staged, target = tmp_path / ".a.1-1.staged", tmp_path / "a"
    staged.write_text("new")
    target.write_text("old")
    job = queue.enqueue(add, {"a": 1})
    end(worker, queue, claim_one(worker), completed(None, ((str(staged), str(target)),)))
    with pytest.raises(TimeoutError):
        job.result(timeout=0)  # finished, but its file is not in place yet
    assert queue.upkeep().finish_files() == (1, [])
    assert target.read_text() == "new"
    assert job.result(timeout=0) is None
    assert queue.upkeep().finish_files() == (0, [])


def test_a_job_is_not_run_again_nor_deleted_before_its_files_are_in_place(
    queue: Queue, add: Any, worker: Leases, tmp_path: Path
) -> None:
    """A second run's file would be replaced by the first one's, and with the job goes the knowledge of its files."""
    staged, target = tmp_path / ".a.1-1.staged", tmp_path / "a"
    staged.write_text("new")
    job = queue.enqueue(add, {"a": 1})
    end(worker, queue, claim_one(worker), completed(None, ((str(staged), str(target)),)))
    operator, upkeep = queue.operator("ada"), queue.upkeep()
    assert "not in place" in operator.resubmit([job.id]).refused[job.id]
    assert "not in place" in operator.delete([job.id]).refused[job.id]
    assert upkeep.prune(JobState.COMPLETED, queue.database.now() + SECOND) == 0
    upkeep.finish_files()
    assert target.read_text() == "new"
    assert operator.resubmit([job.id]).changed == [job.id]


def test_a_file_that_cannot_be_put_in_place_holds_up_no_other(
    queue: Queue, add: Any, worker: Leases, tmp_path: Path
) -> None:
    """However many of them there are."""
    (tmp_path / "folder").mkdir()
    queue.enqueue_many(add, [{"a": n} for n in range(BATCH + 1)])
    for claimed in claim(worker, BATCH + 1):
        target = tmp_path / ("folder" if claimed.job_id <= BATCH else "fine")
        staged = tmp_path / f".{target.name}.{claimed.job_id}-1.staged"
        staged.write_text("new")
        end(worker, queue, claimed, completed(None, ((str(staged), str(target)),)))
    files, refused = queue.upkeep().finish_files()
    assert files == 1
    assert len(refused) == BATCH
    assert (tmp_path / "fine").read_text() == "new"
    (tmp_path / "folder").rmdir()
    assert queue.upkeep().finish_files() == (BATCH, [])


def test_maintenance_moves_no_file_that_no_job_has_staged(
    queue: Queue, add: Any, worker: Leases, tmp_path: Path
) -> None:
    """Whoever may write into the database could name any two files of the worker's account."""
    (tmp_path / "elsewhere").mkdir()
    victim, other = tmp_path / "tasks.py", tmp_path / "upload"
    victim.write_text("mine")
    other.write_text("evil")
    far = tmp_path / "elsewhere" / ".tasks.py.1-1.staged"
    far.write_text("evil")
    (link := tmp_path / ".tasks.py.1-2.staged").symlink_to(other)
    pairs = tuple((str(staged), str(victim)) for staged in (other, far, link))
    queue.enqueue(add, {"a": 1})
    end(worker, queue, claim_one(worker), completed(None, pairs))
    files, refused = queue.upkeep().finish_files()
    assert (files, len(refused)) == (0, 3)
    assert victim.read_text() == "mine"


def test_pruning_deletes_old_jobs_of_one_state_with_their_history(queue: Queue, add: Any, worker: Leases) -> None:
    done, canceled = queue.enqueue(add, {"a": 1}), queue.enqueue(add, {"a": 1}, delay=9)
    complete(worker, queue, claim_one(worker))
    canceled.cancel()
    upkeep, now = queue.upkeep(), queue.database.now()
    assert upkeep.prune(JobState.COMPLETED, now - SECOND * 60) == 0
    assert upkeep.prune(JobState.COMPLETED, now + SECOND) == 1
    assert sql(queue, "SELECT count(*) FROM attempt") == [(0,)]
    assert canceled.state is JobState.CANCELED
    assert sql(queue, f"SELECT count(*) FROM job WHERE id = {done.id}") == [(0,)]
