"""What charts show is kept by maintenance: samples, jobs that came, groups of errors, pauses and restarts."""

from typing import Any

import pytest

from pqkit import Queue, queries
from pqkit.domain.error_groups import pattern
from pqkit.domain.outcomes import ended_by
from pqkit.domain.states import JobState
from pqkit.maintenance.sampler import MOST_QUEUES, REST, Sampler
from pqkit.queries import Span
from pqkit.queue import Finished, Leases
from tests.verbs import SECOND, claim, complete, fail, sql

NOW = 1_700_000_000 // 3_600 * 3_600 * SECOND


@pytest.fixture
def sampler(queue: Queue) -> Sampler:
    return Sampler(queue.database)


def some_jobs(queue: Queue, worker: Leases) -> None:
    """In queue a: two pending, one processing, one completed, one retrying; in b: one scheduled."""
    queue.enqueue_many("add", [{"a": n} for n in range(5)], queue="a")
    queue.enqueue("add", {"a": 1}, queue="b", delay=3_600)
    first, second, _ = claim(worker, 3)
    complete(worker, queue, first)
    fail(worker, queue, second)


def test_a_sample_says_what_counting_says(queue: Queue, worker: Leases, sampler: Sampler) -> None:
    some_jobs(queue, worker)
    queue.upkeep().take_duty(worker.id)
    sampler.sample()
    seen = queries.standing(queue.database)
    assert seen is not None
    assert seen.counts == queries.counts(queue.database)
    assert [q[:5] for q in seen.queues] == [q[:5] for q in queries.queues(queue.database)]
    assert seen.pulse is not None
    assert (seen.pulse.workers, seen.pulse.slots, seen.pulse.busy) == (1, 4, 1)


def test_there_is_no_standing_while_nobody_takes_samples(queue: Queue, worker: Leases, sampler: Sampler) -> None:
    some_jobs(queue, worker)
    sampler.sample()
    assert queries.standing(queue.database) is None
    assert queries.count_now(queue.database).counts[JobState.PENDING] == 2


def test_jobs_that_came_are_counted_once_whoever_counts(queue: Queue, sampler: Sampler) -> None:
    def counted() -> int:
        return int(sql(queue, "SELECT coalesce(sum(count), 0) FROM rollup WHERE outcome = 'enqueued'")[0][0])

    queue.enqueue_many("add", [{"a": n} for n in range(7)], queue="a")
    for _ in range(3):
        sampler.sample()
    assert counted() == 7
    queue.enqueue("add", {"a": 1}, queue="a")
    other = Sampler(queue.database)
    for each in (other, sampler, other, sampler):
        each.sample()
    assert counted() == 8


def test_a_sample_that_takes_long_is_taken_seldom(sampler: Sampler, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 2.0])
    monkeypatch.setattr("pqkit.maintenance.sampler.time.monotonic", lambda: next(clock))
    monkeypatch.setattr(sampler, "sample", lambda: None)
    sampler._next_forecast = 1e9
    assert sampler.sample_if_due(100.0)
    assert not sampler.sample_if_due(100.0 + 2 * REST - 1)


def test_of_very_many_queues_the_small_ones_are_sampled_together(queue: Queue, sampler: Sampler) -> None:
    for number in range(MOST_QUEUES + 5):
        queue.enqueue("add", {"a": 1}, queue=f"q{number:03d}")
    queue.enqueue("add", {"a": 1}, queue="q204")
    sampler.sample()
    assert sql(queue, "SELECT count(*) FROM depth") == [(MOST_QUEUES + 1,)]
    assert sql(queue, "SELECT pending FROM depth WHERE queue = 'q204'") == [(2,)]
    assert sql(queue, "SELECT pending FROM depth WHERE queue = ''") == [(5,)]


def add_samples(queue: Queue, seconds: int, depth_every: int = 1) -> None:
    for second in range(seconds):
        at = NOW + second * SECOND
        numbers = f"{at}, 1, 1, 2, 8, 4, 100, 1000, {1000 + second}, NULL, NULL, NULL, {second}, 0, 0, 0, 0"
        columns = "at, width, samples, workers, slots, busy, memory, commit_time, commit_most, database_size, log_size, disk_free, completed, failed, unprocessable, canceled, counted_to"  # noqa: E501
        sql(queue, f"INSERT INTO pulse ({columns}) VALUES ({numbers})")
        if second % depth_every == 0:
            columns = "at, width, queue, pending, scheduled, retrying, processing, oldest"
            sql(queue, f"INSERT INTO depth ({columns}) VALUES ({at}, 1, 'a', 10, 0, 0, 4, {second * SECOND})")


def test_old_samples_become_means_and_the_levels_stay_what_they_were(queue: Queue) -> None:
    add_samples(queue, 120, depth_every=2)
    span = Span(NOW, NOW + 120 * SECOND, 60 * SECOND)
    before = queries.levels(queue.database, span)
    queue.upkeep().merge_rollups(NOW + (120 + 1_200) * SECOND)
    assert sql(queue, "SELECT width, samples, commit_most FROM pulse ORDER BY at") == [(60, 60, 1059), (60, 60, 1119)]
    assert queries.levels(queue.database, span) == before
    first = before[0]
    assert (first.pending, first.busy, first.slots, first.oldest) == (5, 4, 8, 58)
    queue.upkeep().merge_rollups(NOW + 100 * 86_400 * SECOND)
    assert sql(queue, "SELECT count(*) FROM pulse") == sql(queue, "SELECT count(*) FROM depth") == [(0,)]


def test_a_bin_without_a_sample_is_a_gap_and_no_zero(queue: Queue) -> None:
    add_samples(queue, 2)
    found = queries.levels(queue.database, Span(NOW - 4 * SECOND, NOW + 2 * SECOND, 2 * SECOND))
    assert [level.pending for level in found] == [None, None, 10]
    assert queries.levels(queue.database, Span(NOW, NOW + SECOND, SECOND), queue="b")[0].pending == 0


def finish(queue: Queue, worker: Leases, error: Exception | None, at: int, queue_name: str = "a") -> int:
    """A job that waited 2 s, ran 3 s and ended then."""
    job = queue.enqueue("add", {"a": 1}, queue=queue_name, max_retries=0)
    (claimed,) = claim(worker)
    claimed = claimed._replace(since=at - 5 * SECOND)
    outcome = ended_by(claimed, error) if error else None
    end_it(worker, Finished(claimed, outcome or completed_plain(), at - 3 * SECOND, at))
    return job.id


def completed_plain() -> Any:
    from pqkit.domain.outcomes import completed

    return completed(None)


def end_it(worker: Leases, finished: Finished) -> None:
    assert not worker.exchange([finished], 0, alone=True).refused
    worker.beat()


def test_flow_tells_rates_and_quantiles_of_each_bin(queue: Queue, worker: Leases) -> None:
    for error in (None, None, ValueError("no")):
        finish(queue, worker, error, NOW + SECOND)
    finish(queue, worker, None, NOW + SECOND, "b")
    first, second = queries.flow(queue.database, Span(NOW, NOW + 4 * SECOND, 2 * SECOND), queue="a")
    assert (first.completed, first.failed, second.completed) == (1.0, 0.5, 0.0)
    assert first.wait_p50 == pytest.approx(2, rel=0.2)
    assert first.run_p99 == pytest.approx(3, rel=0.2)
    assert second.wait_p50 is None
    assert queries.flow(queue.database, Span(NOW, NOW + 2 * SECOND, 2 * SECOND), task="none")[0].completed == 0


def test_the_last_bin_of_a_span_holds_the_present() -> None:
    span = Span.last(300, 2, NOW + SECOND)
    assert len(span.bins()) == 150
    assert span.until == NOW + 2 * SECOND


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ValueError: row 17 of a.csv", "ValueError: row 18 of a.csv"),
        ("KeyError: 'anna'", "KeyError: 'bert'"),
        ("OSError: no such file: /data/x/1.txt", "OSError: no such file: /data/y/2.txt"),
        ("TimeoutError: a@b.example did not answer", "TimeoutError: c.d@e.example did not answer"),
        ("HTTPError: https://x.example/1 said 500", "HTTPError: https://x.example/2?q said 502"),
        ("Bad: 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "Bad: 9b2504e0-4f89-11d3-9a0c-0305e82c33ff"),
    ],
)
def test_errors_that_differ_in_particulars_have_one_pattern(one: str, other: str) -> None:
    assert pattern(one) == pattern(other)


def test_errors_of_other_kinds_or_words_have_other_patterns() -> None:
    patterns = {pattern(text) for text in ("ValueError: too long", "ValueError: too short", "KeyError: too long", "")}
    assert len(patterns) == 4


def test_errors_are_grouped_with_an_example_and_a_trend(queue: Queue, worker: Leases) -> None:
    now = queue.database.now()
    finish(queue, worker, ValueError("row 1"), now - 100 * SECOND)
    job = finish(queue, worker, ValueError("row 2"), now)
    finish(queue, worker, KeyError("x"), now)
    finish(queue, worker, None, now)
    first, second = queries.failure_groups(queue.database, now - 120 * SECOND)
    assert (first.failures, first.example, first.job_id) == (2, "ValueError: row 2", job)
    assert (first.trend[1], first.trend[11]) == (1, 1)
    assert first.last - first.first == 100 * SECOND
    assert (second.pattern, second.failures) == ("KeyError: …", 1)
    late = {group.pattern: group for group in queries.failure_groups(queue.database, now - 10 * SECOND)}[first.pattern]
    assert late.first == first.first, "the first one on record, before the time asked for too"
    assert queries.failure_groups(queue.database, now - 120 * SECOND, queue="b") == []


def test_marks_are_actions_and_worker_lives(queue: Queue, worker: Leases) -> None:
    since = queue.database.now() - 10 * SECOND
    ids = queue.enqueue_many("add", [{"a": n} for n in range(3)], queue="a")
    queue.operator("anna").cancel(ids, reason="wrong")
    queue.operator("anna").pause("a", reason="deploy")
    worker.end("told to stop")
    found = queries.marks(queue.database, since, queue.database.now() + SECOND)
    assert [(m.kind, m.words) for m in found if m.kind != "start"] == [
        ("action", "cancel 3 jobs by anna: wrong"),
        ("action", "pause a by anna: deploy"),
        ("end", "w1 ended: told to stop"),
    ]
    (paused,) = queries.pauses(queue.database, since, queue.database.now() + SECOND, queue="a")
    assert paused.until is None
    assert queries.pauses(queue.database, since, queue.database.now(), queue="b") == []


def test_bars_are_the_attempts_of_each_worker(queue: Queue, worker: Leases) -> None:
    some_jobs(queue, worker)
    found = queries.bars(queue.database, 0)
    assert sorted((bar.worker, bar.outcome) for bar in found) == [
        ("w1", "completed"),
        ("w1", "failed"),
        ("w1", "running"),
    ]
    assert queries.bars(queue.database, 0, queue="b") == []
