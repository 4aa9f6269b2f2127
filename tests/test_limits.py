"""Limits of a queue hold at every claim, count what really runs, and name themselves to who waits."""

from itertools import pairwise
from typing import Any

import pytest

from pqkit import Context, Queue, task
from pqkit.domain.names import BadOrder
from pqkit.domain.outcomes import Stopped, ended_by
from pqkit.domain.queue_limits import QueueSettings
from pqkit.leasing import bounded_walk, claim_limits
from pqkit.queries.why import why
from pqkit.queue import Leases
from tests.conftest import a_worker
from tests.verbs import SECOND, claim, complete, end, fail, sql, wait_out

pytestmark = pytest.mark.usefixtures("add")


def ids(worker: Leases, demand: int = 1) -> list[int]:
    return [claimed.job_id for claimed in worker.exchange([], demand, alone=False).claims]


def many(here: Queue, add: Any, count: int = 1, **options: Any) -> list[int]:
    return here.enqueue_many(add, [{"a": 1}] * count, **options)


def test_a_queue_runs_so_many_at_once_on_all_workers_together(queue: Queue, add: Any, worker: Leases) -> None:
    many(queue, add, 9)
    queue.operator().set_queue("default", concurrency=3)
    other = a_worker(queue, "w2")
    running = claim(worker, 2)
    assert ids(other, 8) == [3]
    assert not other.waiting()
    assert ids(other, 8) == []
    complete(worker, queue, running[0])
    assert other.waiting()
    assert ids(other, 8) == [4]
    assert why(queue.database, 9).startswith("its queue runs 3 jobs at once, and so many run: job ")
    queue.operator().set_queue("default", concurrency=None)
    assert ids(other, 8) == [5, 6, 7, 8, 9]


def test_a_key_runs_so_many_at_once_and_the_others_go_on(queue: Queue, add: Any, worker: Leases) -> None:
    queue.operator().set_queue("default", key_concurrency=1)
    slow, first, free = many(queue, add, 3, limit_key="a"), many(queue, add, 2, limit_key="b"), many(queue, add, 2)
    running = claim(worker, 3)
    assert [c.job_id for c in running] == [slow[0], first[0], free[0]]
    assert ids(worker, 1) == [free[1]]
    assert not worker.waiting()
    assert why(queue.database, slow[1]).startswith("of the jobs with its key a, 1 may run at once, and job 1 does")
    complete(worker, queue, running[1])
    assert ids(worker, 4) == [first[1]]


@pytest.mark.parametrize("blocked", [1_500])
def test_what_is_free_runs_whatever_is_blocked_ahead_of_it(
    queue: Queue, add: Any, worker: Leases, blocked: int
) -> None:
    queue.operator().set_queue("default", key_concurrency=1)
    many(queue, add, blocked, limit_key="full")
    assert ids(worker, 1) == [1]
    assert not worker.waiting()
    free, of_key = many(queue, add)[0], many(queue, add, limit_key="other")[0]
    assert worker.waiting()
    assert sorted(ids(worker, 2)) == [free, of_key]
    later = many(queue, add)[0]
    assert ids(worker, 2) == [later]
    assert ids(worker, 2) == []


def test_what_is_free_runs_however_many_priorities_are_blocked_ahead_of_it(
    queue: Queue, add: Any, worker: Leases
) -> None:
    queue.operator().set_queue("default", key_concurrency=1)
    for priority in range(150):
        many(queue, add, limit_key="full", priority=priority)
    assert ids(worker, 4) == [1]
    free = many(queue, add, priority=200)[0]
    assert ids(worker, 4) == [free]


def test_a_job_that_comes_back_to_its_place_ahead_of_the_others_is_found_again(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.operator().set_queue("default", key_concurrency=1)
    (first,) = many(queue, add)
    (claimed,) = claim(worker)
    many(queue, add, 5, limit_key="full")
    assert ids(worker, 4) == [2]
    assert ids(worker, 4) == []  # all without a key are known to be passed
    end(worker, queue, claimed, ended_by(claimed, Stopped()))
    monkeypatch.setattr(claim_limits, "TRUST", 0.0)
    assert ids(worker, 4) == [first]


def test_a_claim_looks_at_few_keys_and_the_next_one_goes_on_after_them(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_walk, "MOST_NAMES", 3)
    queue.operator().set_queue("default", key_concurrency=1)
    for number in range(10):
        queue.enqueue("of another worker", {}, limit_key=f"k{number}")
    (free,) = many(queue, add, limit_key="z")
    assert [ids(worker) for _ in range(3)] == [[], [], []]
    assert worker.patience(60) < 1
    assert ids(worker) == [free]
    (free,) = many(queue, add, limit_key="zz")
    asked = [worker.waiting() for _ in range(8)]
    assert True in asked
    while not asked[-1]:
        asked.append(worker.waiting())
    assert ids(worker) == [free], "a look that found a job leaves it to the claim"


def test_a_claim_looks_into_few_queues_and_the_next_one_goes_on_after_them(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_walk, "MOST_NAMES", 3)
    for number in range(10):
        queue.enqueue("of another worker", {}, queue=f"q{number}")
    (free,) = many(queue, add, queue="z")
    assert [ids(worker) for _ in range(3)] == [[], [], []]
    assert worker.patience(60) < 1
    assert ids(worker) == [free]
    (free,) = many(queue, add, queue="z")
    asked = [worker.waiting() for _ in range(8)]
    assert True in asked
    while not asked[-1]:
        asked.append(worker.waiting())
    assert ids(worker) == [free], "a look that found a job leaves it to the claim"


def test_keys_that_one_claim_sees_all_are_not_asked_for_again_and_again(queue: Queue, add: Any, worker: Leases) -> None:
    queue.operator().set_queue("default", key_concurrency=1)
    queue.enqueue("of another worker", {}, limit_key="a")
    assert ids(worker) == []
    assert worker.patience(60) == 60


def test_keys_take_turns(queue: Queue, add: Any, worker: Leases) -> None:
    queue.operator().set_queue("default", key_concurrency=5)
    for key in "abc":
        many(queue, add, 3, limit_key=key)
    taken = []
    for _ in range(9):
        (claimed,) = claim(worker)
        complete(worker, queue, claimed)
        taken.append(claimed.job_id)
    assert taken == [1, 4, 7, 2, 5, 8, 3, 6, 9]


def test_a_key_comes_along_wherever_its_job_goes(queue: Queue, add: Any, worker: Leases) -> None:
    queue.operator().set_queue("default", key_concurrency=1)
    (running, other) = many(queue, add, 2, limit_key="a")
    (later,) = many(queue, add, 1, limit_key="a", delay=10)
    (claimed,) = claim(worker, 4)
    end(worker, queue, claimed, ended_by(claimed, Stopped()))
    (claimed,) = claim(worker, 4)
    fail(worker, queue, claimed)
    wait_out(queue, 60)
    queue.operator().cancel([other])
    queue.operator().resubmit([other])
    assert sql(queue, "SELECT job_id, limit_key FROM ready ORDER BY 1") == [(n, "a") for n in (running, other, later)]
    assert len(claim(worker, 4)) == 1


def test_a_task_says_what_the_key_of_its_jobs_is(queue: Queue) -> None:
    @task(limit_key="{customer} in {region}")
    def bill(customer: int | None, amount: float, region: str = "north") -> None: ...

    mine = queue.enqueue(bill, {"customer": 7, "amount": 1}).id
    queue.enqueue_many(bill, [{"customer": n, "amount": 2, "region": "south"} for n in (8, 9)])
    queue.enqueue(bill, {"customer": None, "amount": 3})
    queue.enqueue("bill", {"customer": 7, "amount": 4}, limit_key="mine")
    with queue.batch("bills", bill, {"customer": 1, "amount": 5}) as batch:
        batch.enqueue(bill, {"customer": 2, "amount": 5})
    queue.operator().replace(mine, {"customer": 70, "amount": 1})
    keys = sql(queue, "SELECT limit_key FROM job ORDER BY id")
    of_batch = ["2 in north", "1 in north"]
    assert [key for (key,) in keys] == [
        "7 in north",
        "8 in south",
        "9 in south",
        None,
        "mine",
        *of_batch,
        "70 in north",
    ]
    marked = sql(queue, "SELECT job_id, limit_key FROM ready WHERE job_id < 4 ORDER BY 1")
    assert marked == [(2, "8 in south"), (3, "9 in south")]
    with pytest.raises(BadOrder, match="limit_key must be 1 to 200 printable characters"):
        queue.enqueue(bill, {"customer": 1, "amount": 1, "region": "\n"})


def test_a_key_of_what_is_no_argument_is_refused_at_its_declaration() -> None:
    def bill(customer: int, *, ctx: Context) -> None: ...

    for bad in ("{costumer}", "{ctx}", "{}", "{customer.name}"):
        with pytest.raises(ValueError, match="which is none of its arguments"):
            task(limit_key=bad)(bill)


def test_a_dead_workers_share_is_free_when_its_leases_end(queue: Queue, add: Any, worker: Leases) -> None:
    queue.operator().set_queue("default", key_concurrency=1)
    many(queue, add, 2, limit_key="a")
    claim(worker, 4)
    other = a_worker(queue, "w2")
    assert ids(other, 4) == []
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {worker.id}")
    queue.upkeep().rescue(None)
    (suspect,) = claim(other, 4)
    assert (suspect.job_id, suspect.suspect) == (1, 1)
    complete(other, queue, suspect)
    assert [c.job_id for c in claim(other, 4)] == [2]


def test_a_suspect_waits_for_its_key_like_any_other(queue: Queue, add: Any, worker: Leases) -> None:
    queue.operator().set_queue("default", key_concurrency=2)
    many(queue, add, 3, limit_key="a")
    claim(worker, 4)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {worker.id}")
    queue.operator().set_queue("default", key_concurrency=1)
    queue.upkeep().rescue(None)
    queue.operator().assign([3], "w3")
    third = a_worker(queue, "w3")
    sql(queue, "UPDATE ready SET suspect = 0 WHERE job_id = 3")
    sql(queue, "UPDATE ready SET assigned_to = 'nobody' WHERE job_id < 3")
    assert ids(third, 4) == [3]
    sql(queue, "UPDATE ready SET assigned_to = NULL")
    assert claim(a_worker(queue, "w4"), 4) == []


def test_a_rate_lets_so_many_start_and_says_when_the_next_may(
    queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = queue.database.now()
    monkeypatch.setattr(queue.database, "now", lambda: now)
    queue.operator().set_queue("default", rate=6, rate_per=60, rate_burst=2)
    many(queue, add, 9)
    running = claim(worker, 8)
    assert len(running) == 2
    assert not worker.waiting()
    assert worker.patience(60) == pytest.approx(10)
    assert why(queue.database, 3) == "its queue starts 6 jobs in 60 s: the next may start in 10.0 s"
    for claimed in running:
        complete(worker, queue, claimed)
    for tenths, jobs in ((99, 0), (100, 1), (190, 0), (10_000, 2)):
        monkeypatch.setattr(queue.database, "now", lambda at=now + tenths * SECOND // 10: at)
        assert len(ids(worker, 8)) == jobs, tenths
    monkeypatch.setattr(queue.database, "now", lambda: now)  # set back, and no longer wait for that
    assert worker.waiting() is False
    assert worker.patience(60) <= 20


def test_the_arithmetic_of_a_rate() -> None:
    settings = QueueSettings(rate=700_000, rate_per=1.0)
    at, started = None, 0
    for now in range(0, 10 * SECOND, 10_000):
        jobs = settings.free(at, now)
        at, started = settings.spent(at, now, jobs), started + jobs
    assert started == pytest.approx(700_000 * 11, rel=0.001)  # ten seconds, and a second's worth at once
    assert (QueueSettings(rate=1, rate_per=60).burst, QueueSettings(rate=600, rate_per=60).burst) == (1, 10)


def test_a_rate_is_reached_although_each_start_comes_late() -> None:
    settings = QueueSettings(rate=20, rate_burst=1)
    assert (
        settings.next_at(settings.spent(0, 2 * SECOND, 1), 2 * SECOND) == 2 * SECOND + 50_000
    )  # nothing is caught up after a rest
    now, at, starts = 0, None, list[int]()
    while now < 10 * SECOND:
        assert settings.free(at, now) == 1
        at = settings.spent(at, now, 1)
        starts.append(now)
        now = settings.next_at(at, now) + (3_000, 44_000, 11_000)[len(starts) % 3]
    assert len(starts) == pytest.approx(201, abs=1)
    assert all(late - early > 5_000 for early, late in pairwise(starts))
    assert all(len([at for at in starts if first <= at < first + SECOND]) <= 21 for first in starts)


def test_with_ageing_nothing_starves(queue: Queue, add: Any, worker: Leases, monkeypatch: pytest.MonkeyPatch) -> None:
    now = queue.database.now()
    monkeypatch.setattr(queue.database, "now", lambda: now)
    (old,) = many(queue, add, priority=5)
    queue.operator().set_queue("default", ageing=10)
    monkeypatch.setattr(queue.database, "now", lambda: now + 40 * SECOND)
    (urgent,) = many(queue, add)
    assert ids(worker) == [urgent]
    many(queue, add)
    monkeypatch.setattr(queue.database, "now", lambda: now + 91 * SECOND)
    (fresh,) = many(queue, add)
    assert ids(worker) == [fresh - 1]
    assert ids(worker) == [old]


def test_a_worker_takes_no_more_of_a_limited_queue_than_it_has_slots(queue: Queue, add: Any, worker: Leases) -> None:
    queue.operator().set_queue("default", concurrency=100)
    many(queue, add, 20)
    many(queue, add, 20, queue="other")
    assert len(claim(worker, 30)) == 24  # four slots, and ahead what has no limits
