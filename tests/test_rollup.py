"""Roll-ups: what runs came to, counted by workers and merged by maintenance, agrees with the history."""

import json
import statistics
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqkit import Queue, queries
from pqkit.domain import histogram
from pqkit.domain.outcomes import completed
from pqkit.errors import DatabaseUnavailable
from pqkit.queue import Finished
from tests.verbs import SECOND, claim, claim_one, complete, fail, sql

durations = st.integers(min_value=0, max_value=10**14)


def rolled_up(queue: Queue) -> list[tuple[Any, ...]]:
    return sql(queue, "SELECT queue, task, outcome, sum(count) FROM rollup GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")


def history(queue: Queue) -> list[tuple[Any, ...]]:
    text = "SELECT j.queue, j.task, a.outcome, count(*) FROM attempt a JOIN job j ON j.id = a.job_id"
    return sql(queue, f"{text} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3")


@given(durations)
def test_a_bucket_holds_its_duration_and_is_no_wider_than_a_quarter_of_it(microseconds: int) -> None:
    low, high = histogram.bounds(histogram.bucket(microseconds))
    assert low <= microseconds < high
    assert high - low <= max(1, low / 4)


@given(durations)
def test_buckets_follow_each_other_without_a_gap(microseconds: int) -> None:
    index = histogram.bucket(microseconds)
    assert histogram.bounds(index)[1] == histogram.bounds(index + 1)[0]


@given(st.lists(durations, min_size=1, max_size=50), st.floats(min_value=0.01, max_value=1))
def test_a_quantile_is_right_within_its_bucket(seen: list[int], q: float) -> None:
    found = histogram.quantile(Counter(map(histogram.bucket, seen)), q)
    exact = sorted(seen)[max(0, -int(-q * len(seen) // 1) - 1)]
    low, high = histogram.bounds(histogram.bucket(exact))
    assert found is not None
    assert low / SECOND <= found <= high / SECOND


def test_no_runs_have_no_quantile() -> None:
    assert histogram.quantile({}, 0.5) is None


def test_a_beat_hands_in_what_ended_since_the_last(queue: Queue) -> None:
    worker = queue.leases("w", 1, ["a", "b"])
    worker.register()
    for task in ("a", "a", "b"):
        queue.enqueue(task, max_retries=0)
    first, second, third = claim(worker, 3)
    complete(worker, queue, first)
    complete(worker, queue, second)
    fail(worker, queue, third)
    assert rolled_up(queue) == []
    worker.beat()
    assert rolled_up(queue) == history(queue) == [("default", "a", "completed", 2), ("default", "b", "failed", 1)]
    worker.beat()
    assert rolled_up(queue) == history(queue)


def test_the_end_of_a_worker_hands_in_the_rest(queue: Queue) -> None:
    worker = queue.leases("w", 1, ["a"])
    worker.register()
    queue.enqueue("a")
    complete(worker, queue, claim_one(worker))
    worker.end("stopped")
    assert rolled_up(queue) == history(queue)


def test_a_refused_finish_and_a_claim_that_never_ran_are_not_counted(queue: Queue) -> None:
    worker = queue.leases("w", 1, ["a"])
    worker.register()
    queue.enqueue("a")
    claimed = claim_one(worker)
    sql(queue, "DELETE FROM lease")
    assert not complete(worker, queue, claimed)
    worker.exchange([Finished(claimed, completed(None), None, 0)], 0, alone=True)
    worker.beat()
    assert rolled_up(queue) == []


def test_what_a_failed_beat_could_not_write_goes_with_the_next(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = queue.leases("w", 1, ["a"])
    worker.register()
    queue.enqueue_many("a", [{}] * 2)
    first, second = claim(worker, 2)
    complete(worker, queue, first)

    def no_disk() -> Any:
        raise DatabaseUnavailable("no disk")

    with monkeypatch.context() as patched:
        patched.setattr(queue.database, "write", no_disk)
        with pytest.raises(DatabaseUnavailable):
            worker.beat()
    complete(worker, queue, second)
    worker.beat()
    assert rolled_up(queue) == history(queue)


def test_times_are_from_due_to_start_and_from_start_to_end(queue: Queue) -> None:
    worker = queue.leases("w", 1, ["a"])
    worker.register()
    queue.enqueue("a")
    claimed = claim_one(worker)
    started, ended = claimed.since + 2 * SECOND, claimed.since + 5 * SECOND
    worker.exchange([Finished(claimed, completed(None), started, ended)], 0, alone=True)
    worker.beat()
    ((waited, ran, waits, runs),) = sql(queue, "SELECT waited, ran, waits, runs FROM rollup")
    assert (waited, ran) == (2 * SECOND, 3 * SECOND)
    assert json.loads(waits) == {str(histogram.bucket(2 * SECOND)): 1}
    assert json.loads(runs) == {str(histogram.bucket(3 * SECOND)): 1}


def test_a_crash_is_counted_by_who_finds_it(queue: Queue) -> None:
    worker = queue.leases("w", 1, ["a"])
    worker.register()
    queue.enqueue("a")
    claim_one(worker)
    queue.upkeep().rescue(stale_after=-1)
    assert rolled_up(queue) == history(queue) == [("default", "a", "crashed", 1)]


def test_old_seconds_are_merged_into_minutes_and_nothing_is_lost(queue: Queue) -> None:
    at = 1_700_000_000 // 600 * 600 * SECOND
    columns = "at, width, queue, task, outcome, worker_id, count, waited, ran, waits, runs"
    same = """'q', 't', 'completed', 7, 3, 30, 60, '{"5": 3}', '{"9": 3}'"""
    for second in range(180):
        row = f"({at + second * SECOND}, 1, {same})"
        sql(queue, f"INSERT INTO rollup ({columns}) VALUES {row}, {row}")
    now = at + (180 + 1_200) * SECOND
    assert queue.upkeep().merge_rollups(now) == 360 - 3
    assert queue.upkeep().merge_rollups(now) == 0
    rows = sql(queue, "SELECT at, width, count, waited, ran, waits, runs FROM rollup ORDER BY at")
    assert rows == [(at + n * 60 * SECOND, 60, 360, 3600, 7200, '{"5": 360}', '{"9": 360}') for n in range(3)]
    assert queue.upkeep().merge_rollups(now + 2 * 86_400 * SECOND) == 2
    assert sql(queue, "SELECT at, width, count FROM rollup") == [(at, 600, 1080)]
    assert queue.upkeep().merge_rollups(now + 100 * 86_400 * SECOND) == 1


def test_the_last_minutes_stay_fine(queue: Queue) -> None:
    worker = queue.leases("w", 1, ["a"])
    worker.register()
    queue.enqueue("a")
    complete(worker, queue, claim_one(worker))
    worker.beat()
    assert queue.upkeep().merge_rollups() == 0
    assert sql(queue, "SELECT width FROM rollup") == [(1,)]


def test_the_times_of_the_last_minute_are_asked_of_the_roll_ups(queue: Queue) -> None:
    assert queries.times(queue.database) == (0, None, None, None, None)
    worker = queue.leases("w", 1, ["a"])
    worker.register()
    for seconds in (1, 1, 1, 8):
        queue.enqueue("a")
        claimed = claim_one(worker)
        started = claimed.since + seconds * SECOND
        worker.exchange([Finished(claimed, completed(None), started, started + 3 * SECOND)], 0, alone=True)
    worker.beat()
    found = queries.times(queue.database)
    assert found == (4, pytest.approx(1, rel=0.2), pytest.approx(8, rel=0.2), *[pytest.approx(3, rel=0.2)] * 2)
    assert queries.times(queue.database, -60).runs == 0


def test_the_median_of_many_is_near_the_exact_one() -> None:
    seen = [n * n for n in range(1, 2_000)]
    found = histogram.quantile(Counter(map(histogram.bucket, seen)), 0.5)
    assert found == pytest.approx(statistics.median(seen) / SECOND, rel=0.2)
