"""Incidents: change points, groups, suspects and deaths, from a snapshot that leaves the queue in peace."""

from pathlib import Path

import pytest

from pqkit import queries
from pqkit.domain.durations import SECOND
from pqkit.errors import DatabaseUnavailable
from pqkit.incidents import investigate, recurring, snapshot, suggested_commands, time_span
from pqkit.incidents.change_points import in_counts, in_durations
from pqkit.lab import Scratch, scratch
from pqkit.lab.experiments.sample_incident import bad_day
from pqkit.queries.time_range import Span
from pqkit.queue import Leases, Queue
from tests.verbs import claim_one, fail


@pytest.mark.parametrize(
    ("counts", "place"),
    [
        ([5] * 20, None),
        ([3, 4, 2, 5, 3, 4, 6, 3, 2, 4], None),
        ([5] * 10 + [40] * 10, 10),
        ([20] * 7 + [0] * 13, 7),
        ([0] * 20, None),
        ([0] * 19 + [1], None),
    ],
)
def test_a_change_in_counts_is_found_where_it_is(counts: list[int], place: int | None) -> None:
    assert in_counts(counts) == place


@pytest.mark.parametrize(
    ("seconds", "place"),
    [
        ([0.1, 0.12, 0.09] * 10, None),
        ([0.1, 0.12, 0.09] * 10 + [1.0, 1.1, 0.9] * 5, 30),
        ([0.1] * 20 + [50.0] + [0.1] * 20, None),
        ([], None),
        ([1.0], None),
    ],
)
def test_a_change_in_durations_is_found_where_it_is(seconds: list[float], place: int | None) -> None:
    assert in_durations(seconds) == place


@pytest.mark.fault
def test_a_killed_worker_and_a_bad_release_are_both_named(url: str, kind: str) -> None:
    place = scratch(None if kind == "sqlite" else url)
    span = bad_day(place, jobs=20)
    database = snapshot(place.url, place.folder)
    found = investigate(database, span)
    (suspect,) = found.suspects
    assert (suspect.task, suspect.failed, suspect.runs, suspect.failed_before) == ("lab.release", 20, 20, 0)
    (death,) = found.deaths
    assert death.jobs == [next(run.job for run in found.runs if run.outcome == "crashed")]
    assert any("bad release" in line for line in found.headlines)
    assert any(f"worker {death.worker} died" in line for line in found.headlines)
    first, second = found.groups
    assert (first.pattern, first.runs, first.new) == ("ValueError: column … is missing in row … token=***", 20, True)
    assert "s3cret" not in repr(found)
    assert (second.outcome, second.waiting) == ("crashed", [])
    assert [(action.verb, action.who) for action in found.actions] == [
        ("pause", "the operator on call"),
        ("resume", "the operator on call"),
    ]
    assert found.certificate.clean
    assert "lab.release failed" in {change.what for change in found.changes}
    typed = suggested_commands.commands(found)
    assert f"pqkit jobs resubmit {' '.join(map(str, first.waiting))} --reason 'the cause is mended'" in typed
    assert not [line for line in typed if f"resubmit {death.jobs[0]} " in line]
    assert recurring(database, found.groups, span.until or 0) == []
    assert {group.pattern for group in recurring(database, found.groups, span.since or 0)} == {
        first.pattern,
        second.pattern,
    }
    database.close()
    place.remove()


@pytest.mark.sqlite
def test_a_copy_serves_when_the_queue_is_down(queue: Queue, url: str, worker: Leases, place: Scratch) -> None:
    job = queue.enqueue("add", max_retries=0)
    fail(worker, queue, claim_one(worker))
    copy = place.folder / "copy.db"
    queue.database.backup(copy)
    queue.close()
    Path(url.removeprefix("sqlite:///")).unlink()
    with pytest.raises(DatabaseUnavailable, match="a backup of it serves as well"):
        snapshot(url, place.folder)
    database = snapshot(f"sqlite:///{copy}", place.folder)
    found = investigate(database, Span(0, queries.job(database, job.id).attempts[0].ended_at + 1))
    assert found.affected == [job.id]
    database.close()


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("yesterday", "2030-01-02T00:00Z", "'yesterday' is not a moment"),
        ("2030-01-01T00:00", "2030-01-02T00:00Z", "with its offset"),
        ("2030-01-03T00:00Z", "2030-01-02T00:00Z", "must end after it began"),
    ],
)
def test_a_span_that_is_none_is_refused(start: str, end: str, words: str) -> None:
    with pytest.raises(time_span.BadSpan, match=words):
        time_span.span_of(start, end)
    assert time_span.span_of("1970-01-01T00:00:01Z", "1970-01-01T01:00:02+01:00") == (SECOND, 2 * SECOND, ())


def test_a_quiet_span_says_nothing(queue: Queue, tmp_path: Path) -> None:
    database = snapshot(queue.database.url, tmp_path)
    found = investigate(database, Span(0, SECOND))
    assert (found.headlines, found.changes, found.affected) == ([], [], [])
    assert [line.split()[:2] for line in suggested_commands.commands(found)] == [
        ["pqkit", "audit"],
        ["pqkit", "regression"],
    ]
    database.close()
