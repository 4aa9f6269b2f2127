"""Flow control while workers are killed, in short form, and a proof that each of its judges can say no."""

import pytest

from pqkit.domain.states import JobState
from pqkit.lab import Scratch
from pqkit.lab.experiments.batch_completion import Asked, batches
from pqkit.lab.experiments.batch_completion import judge as judge_batches
from pqkit.lab.experiments.concurrency_limits import beyond, freed, limits, most_at_once
from pqkit.lab.experiments.rate_limits import rates
from pqkit.lab.harness.ledger import Entry
from tests.test_experiments import ran
from tests.test_lab import GOOD


@pytest.mark.fault
@pytest.mark.prove
def test_a_limit_holds_while_workers_are_killed_and_is_free_when_a_lease_ends(place: Scratch) -> None:
    result = limits(place, jobs=20, workers=4, kills=2)
    assert result.findings == [], result.smallest
    assert result.numbers["kills"] == 2


@pytest.mark.fault
@pytest.mark.prove
@pytest.mark.sqlite
def test_workers_that_ignore_limits_are_caught(place: Scratch) -> None:
    result = limits(place, jobs=20, workers=2, kills=0, fault="unlimited")
    assert "limits held" in {found.rule for found in result.findings}, result.figure


@pytest.mark.fault
@pytest.mark.prove
@pytest.mark.parametrize("fault", ["", "unlimited"])
def test_a_rate_is_kept_by_several_workers_or_they_are_caught(place: Scratch, fault: str) -> None:
    """Whether it is also reached is for the command: here the machine may be slow."""
    result = rates(place, rate=10, seconds=1, workers=2, fault=fault)
    broken = [found.words for found in result.findings if found.rule == "audit clean"]
    assert bool(broken) == bool(fault), broken


@pytest.mark.fault
@pytest.mark.prove
def test_a_batch_has_one_completion_while_workers_are_killed(place: Scratch) -> None:
    result = batches(place, number=6, members=4, workers=3, kills=2)
    assert result.findings == [], result.smallest
    assert result.numbers["completions"] == {"hold": 2, "continue": 2, "cancel": 1}


@pytest.mark.fault
@pytest.mark.prove
@pytest.mark.sqlite
def test_who_does_not_wait_for_members_is_caught(place: Scratch) -> None:
    result = batches(place, number=6, members=4, workers=2, kills=0, fault="impatient")
    assert "one completion" in {found.rule for found in result.findings}, result.figure


RUNS = [
    Entry(1, 1, 7, "begun", 10),
    Entry(2, 1, 8, "begun", 15),  # killed: nobody knows when
    Entry(1, 1, 7, "done", 20),
    Entry(3, 1, 8, "begun", 20),
    Entry(3, 1, 8, "done", 30),
    Entry(2, 2, 9, "begun", 29),
    Entry(2, 2, 9, "done", 40),
]


def test_what_ran_at_once_is_counted_by_what_handlers_wrote() -> None:
    peaks = most_at_once(RUNS, dict.fromkeys((1, 2, 3), "a"))
    assert peaks == {"a": 2}
    assert most_at_once(RUNS, {1: "a", 2: "b", 3: "a"}) == {"a": 1, "b": 1}
    assert beyond({"a": 2}, peaks) == []
    assert [found.words for found in beyond({"a": 1, "b": 1}, peaks)] == [
        "2 of a ran at once, of 1 at most",
        "0 of b ran at once, of 1 at most",
    ]


def test_how_long_a_dead_worker_s_key_was_held_is_from_its_lease_s_end_to_the_next_claim() -> None:
    record = [ran(1, 1, "crashed", 12), ran(2, 1, "completed", 14, due=13.5), ran(3, 1, "completed", 13, due=12)]
    assert freed(record, {1: "a", 2: "a", 3: "narrow"}) == [1.5]


@pytest.mark.parametrize(
    ("asked", "changes", "words"),
    [
        (Asked("continue", 2, [1], fails=False), {}, None),
        (Asked("cancel", 2, [1], fails=True), {}, "it was completed 1 times, 0 were due (cancel)"),
        (Asked("hold", 2, [1], fails=False), {"accepted": {1: [1], 2: [1, 2]}}, "completed 2 times, 1 were due"),
        (Asked("cancel", 2, [1], fails=True), {"accepted": {}}, "it is completed although a member failed"),
        (Asked("continue", 1, [2], fails=True), {}, "it began before member 2 had ended"),
    ],
)
def test_a_batch_that_ends_otherwise_than_it_should_is_found(
    asked: Asked, changes: dict[str, object], words: str | None
) -> None:
    states = {1: JobState.COMPLETED, 2: JobState.COMPLETED}
    entries = [Entry(1, 1, 7, "begun", 1), Entry(1, 1, 7, "done", 2), Entry(2, 2, 9, "begun", 3)]
    found = judge_batches([asked], GOOD._replace(states=states, entries=entries, **changes))
    if words is None:
        assert found == []
    else:
        assert words in " ".join(each.words for each in found)
