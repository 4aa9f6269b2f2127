"""A crippled worker that has maintenance, in short form, and its control."""

import pytest

from pqkit.lab import Scratch
from pqkit.lab.experiments.crippled_leader import crippled


@pytest.mark.fault
@pytest.mark.prove
@pytest.mark.sqlite
@pytest.mark.parametrize("kind_of_cripple", ["no_look", "no_memory"])
def test_the_dead_are_rescued_although_the_worker_that_has_maintenance_is_crippled(
    place: Scratch, kind_of_cripple: str
) -> None:
    result = crippled(place, (kind_of_cripple,))
    assert result.findings == [], result.figure


@pytest.mark.fault
@pytest.mark.prove
@pytest.mark.sqlite
def test_a_crippled_worker_that_keeps_maintenance_is_caught(place: Scratch) -> None:
    result = crippled(place, ("no_look",), clinging=True, limit=24)
    assert [found.rule for found in result.findings] == ["rescued all the same"]
