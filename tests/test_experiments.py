"""The experiments behind the notebooks: what they judge, and that they find what is wrong."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from pqkit.domain.durations import SECOND
from pqkit.domain.retry_policy import BadPolicy
from pqkit.domain.states import JobState
from pqkit.lab import scratch
from pqkit.lab.experiments import filter_latency
from pqkit.lab.experiments.load import Cost, Step, judge, knee_of
from pqkit.lab.experiments.retry_storm import judge as judge_retries
from pqkit.lab.harness.timeline import Blow, recoveries
from pqkit.notebook.execute import run
from pqkit.planning.retry_analysis import rescues, what_if
from pqkit.queries.time_range import RunView, Span, actions, arrivals, lives, refusals, runs
from pqkit.queue import Leases, Queue
from pqkit.settings import settings
from tests.verbs import claim_one, complete, fail

REPO = Path(__file__).parent.parent


def ran(job: int, attempt: int, outcome: str, ended: float, *, next_in: float | None = None, due: float = 0) -> RunView:
    end = round(ended * SECOND)
    at = {
        "due_at": round(due * SECOND),
        "claimed_at": round(due * SECOND),
        "started_at": round(due * SECOND),
        "ended_at": end,
    }
    next_at = None if next_in is None else end + round(next_in * SECOND)
    return RunView(job, "t", "q", 0, attempt, f"w{attempt}", **at, outcome=outcome, error=None, next_at=next_at)


DOOMED = [
    ran(1, 1, "failed", 0, next_in=1),
    ran(1, 2, "failed", 1, next_in=2, due=1),
    ran(1, 3, "failed", 3, next_in=4, due=3),
    ran(1, 4, "failed", 7, due=7),
]


def test_a_record_that_follows_the_policy_is_clean() -> None:
    assert list(judge_retries("doomed", 1, JobState.UNPROCESSABLE, DOOMED)) == []


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (DOOMED[:3], "runs as often as it must"),
        ([*DOOMED[:2], ran(1, 3, "failed", 3, next_in=3.9, due=3), DOOMED[3]], "next run set exactly"),
        ([DOOMED[0], ran(1, 2, "failed", 1, next_in=2, due=0.9), *DOOMED[2:]], "no run early"),
    ],
)
def test_a_retry_that_is_not_as_the_policy_says_is_found(wrong: list[RunView], rule: str) -> None:
    assert rule in {found.rule for found in judge_retries("doomed", 1, JobState.UNPROCESSABLE, wrong)}


RECORD = [
    *DOOMED,
    ran(2, 1, "completed", 5),
    ran(3, 1, "failed", 0, next_in=1),
    ran(3, 2, "completed", 1),
    ran(4, 1, "failed", 0, next_in=1),
    ran(4, 2, "crashed", 1),
    ran(4, 3, "failed", 2, next_in=2),
    ran(4, 4, "completed", 4),
    ran(1, 5, "completed", 60),  # after a resubmit: another budget
]


def test_the_record_says_which_attempts_rescued_jobs() -> None:
    assert [tuple(chance) for chance in rescues(RECORD)] == [
        (1, 5, 2, 0.4), (2, 3, 1, 1 / 3), (3, 2, 1, 0.5), (4, 1, 0, 0.0),
    ]  # fmt: skip


def test_another_policy_is_held_against_the_record() -> None:
    answer = what_if(RECORD, [0.5], 1)
    assert (answer.jobs, answer.rescued, answer.lost, answer.never) == (5, 3, 1, 1)
    assert (answer.runs, answer.runs_saved, answer.sooner) == (11, 3, 0.5)
    assert what_if(RECORD, [1, 2, 4], 3)._replace(sooner=0) == (5, 4, 0, 1, 11, 0, 0)
    with pytest.raises(BadPolicy):
        what_if(RECORD, [-1], 1)


def step(offered: float, reached: float, wait: float = 0.01) -> Step:
    return Step(offered, reached, wait, wait, 0)


GOOD_STEPS = [step(25, 25), step(50, 50), step(75, 74), step(100, 90, 0.5), step(150, 95, 3)]
COSTS = [Cost("few", 100, 20, 0.1, 1), Cost("many", 1_000_000, 20, 0.2, 1), Cost("long", 100, 64_000, 9.0, 1)]


def test_the_knee_is_the_last_load_that_was_followed() -> None:
    assert knee_of(GOOD_STEPS) == 100
    assert judge(GOOD_STEPS, COSTS) == []


@pytest.mark.parametrize(
    ("steps", "costs", "words"),
    [
        ([GOOD_STEPS[0], step(50, 20), *GOOD_STEPS[2:]], COSTS, "at half of what"),
        ([*GOOD_STEPS[:4], step(150, 149, 3)], COSTS, "more than 100"),
        ([*GOOD_STEPS[:4], step(150, 95, 0.001)], COSTS, "longer under half"),
        (GOOD_STEPS, [COSTS[0], COSTS[1]._replace(milliseconds=0.9)], "0.90 ms a job"),
    ],
)
def test_a_load_that_is_not_followed_is_found(steps: list[Step], costs: list[Cost], words: str) -> None:
    assert words in judge(steps, costs)[0].words


def test_a_recovery_is_from_a_worker_s_death_to_the_next_claim() -> None:
    record = [ran(1, 1, "crashed", 12), ran(1, 2, "completed", 13, due=12.5), ran(2, 1, "completed", 3)]
    assert recoveries(record, [Blow(10 * SECOND, "killed", "w1")]) == [(1, "w1", 2.5)]
    assert recoveries(record, [Blow(10 * SECOND, "frozen", "w1")]) == []


def test_a_span_holds_what_happened_in_it(queue: Queue, worker: Leases) -> None:
    since = queue.database.now()
    first, second = queue.enqueue("add", queue="a"), queue.enqueue("add", queue="b")
    fail(worker, queue, claim_one(worker))
    complete(worker, queue, claim_one(worker))
    queue.operator("me").resubmit([first.id, second.id], reason="again")
    until = queue.database.now() + 1
    database = queue.database
    assert [(run.job, run.outcome, run.worker) for run in runs(database, Span(since, until))] == [
        (first.id, "failed", "w1"),
        (second.id, "completed", "w1"),
    ]
    (only,) = runs(database, Span(since, until, ["b"]))
    assert since <= only.due_at <= only.claimed_at <= only.ended_at < until
    assert [life.worker for life in lives(database, Span(since, until))] == ["w1"]
    assert {(action.verb, action.who, action.reason) for action in actions(database, Span(since))} == {
        ("resubmit", "me", "again")
    }
    assert len(arrivals(database, Span(since, until))) == 2
    assert refusals(database, Span(since)) == []
    for nothing in (runs, actions, arrivals):
        assert nothing(database, Span(until + SECOND)) == []


@pytest.mark.fault
@pytest.mark.sqlite
def test_a_queue_without_its_fence_fails_the_crash_notebook_for_that_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is frozen runs a job, and thaws when another has finished it: no luck is needed to meet what is missing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PQKIT_LAB_FAULT", "no_fence")
    settings.cache_clear()
    _, found = run(REPO / "notebooks" / "crash.ipynb", {"kills": 0, "stops": 1, "hangs": 0, "poison": 0})
    settings.cache_clear()
    assert found.verdict == "failed"
    assert found.recorded["accepted_twice"] > 0
    assert "(verdict): AssertionError" in (found.error or "")
    assert "accepted once: job" in (found.error or "")


def test_a_notebook_whose_assertion_fails_fails_the_tests(tmp_path: Path) -> None:
    """By the very options with which ``make test`` runs the notebooks."""
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 == 2, 'one is not two'")])
    nbformat.write(broken, tmp_path / "broken.ipynb")
    options = ["-c", str(REPO / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path / "broken.ipynb")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "one is not two" in done.stdout


def test_a_page_is_asked_for_by_every_filter_and_none_that_takes_long_is_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = scratch()
    asked = {row["words"]: row["jobs"] for row in filter_latency.filters(place, jobs=2_000).tables["asked"]}
    assert len(asked) == 2 * len(filter_latency.FILTERS)
    rare = ("a rare text", "a secret", "a text in none")
    assert [asked[f"{words}, newest first"] for words in rare] == [3, 0, 0]
    place.remove()
    monkeypatch.setattr(filter_latency, "REFRESH", 0.0)
    late = filter_latency.filters(place := scratch(), jobs=1_000)
    assert {finding.rule for finding in late.findings} == {"refresh"}
    place.remove()
