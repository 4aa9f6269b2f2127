"""Power cuts on a recorded workload: the honest disk keeps what was acknowledged, the lying one is found out."""

import shutil

import pytest

from pqkit.lab import Scratch
from pqkit.lab.experiments.powercut import powercut


@pytest.mark.prove
@pytest.mark.sqlite
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_a_power_cut_loses_nothing_that_was_acknowledged_and_a_lying_disk_is_found_out(place: Scratch) -> None:
    result = powercut(place, cuts=40, jobs=15)
    assert result.passed, result.findings
    lying = result.numbers["lying"]
    assert isinstance(lying, dict)
    assert lying["corrupt"] + lying["losing"] > 0
