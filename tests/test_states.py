import pytest

from pqkit.domain.states import FINAL, MOVES, PLACES, WAITING, JobState, Place, allows, sources, targets


def test_every_state_stands_in_one_place() -> None:
    assert set(PLACES) == set(JobState)
    assert {state for state in JobState if state.final} == set(FINAL)
    assert set(WAITING) | set(FINAL) | {JobState.PROCESSING} == set(JobState)


def test_every_state_is_reached_and_left() -> None:
    for state in JobState:
        assert any(move.target is state for move in MOVES), f"nothing leads to {state}"
        assert any(move.source is state for move in MOVES), f"nothing leaves {state}"


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("claim", {JobState.PENDING}),
        ("stage", {JobState.SCHEDULED, JobState.RETRYING}),
        ("resubmit", set(JobState) - {JobState.PENDING, JobState.PROCESSING}),
        ("cancel", set(JobState) - {JobState.COMPLETED, JobState.CANCELED}),
        ("mark_failed", {JobState.SCHEDULED, JobState.RETRYING, JobState.PENDING}),
        ("delete", set(FINAL)),
        ("assign", {JobState.PENDING}),
        ("set_priority", {JobState.SCHEDULED, JobState.RETRYING, JobState.PENDING}),
        ("replace", set(JobState) - {JobState.PROCESSING}),
        ("undo", {JobState.PENDING}),
    ],
)
def test_a_verb_starts_from_these_states_and_no_other(verb: str, expected: set[JobState]) -> None:
    assert set(sources(verb)) == expected
    assert not any(allows(state, verb) for state in set(JobState) - expected)


def test_only_a_worker_or_maintenance_ends_processing() -> None:
    leaving = [m for m in MOVES if m.source is JobState.PROCESSING and m.target is not JobState.PROCESSING]
    assert {move.who for move in leaving} == {"worker", "maintenance"}
    assert targets(JobState.PROCESSING, "cancel") == (JobState.PROCESSING,), "a running job is asked, not canceled"


def test_places_are_tables() -> None:
    assert {str(place) for place in Place} == {"ready", "delayed", "lease", "closed"}
