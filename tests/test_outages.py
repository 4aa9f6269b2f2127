"""What goes wrong between workers and a PostgreSQL server, in short form, and that each judge can say no.

Each experiment has a server of its own, or a database of the tests' own server.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pqkit.lab import Scratch
from pqkit.lab.experiments.long_transaction import Measured, _result
from pqkit.lab.experiments.lost_commits import cuts
from pqkit.lab.experiments.partition import partition
from pqkit.lab.experiments.server_outage import failover, restart
from pqkit.lab.harness.result import Result
from tests.postgres import Server

pytestmark = [pytest.mark.fault, pytest.mark.prove]


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with server.database() as url:
        yield url


@pytest.fixture
def bare(tmp_path: Path) -> Scratch:
    """For an experiment that brings its own servers."""
    return Scratch(tmp_path, f"sqlite:///{tmp_path}/queue.db")


def rules(result: Result) -> set[str]:
    return {finding.rule for finding in result.findings}


@pytest.mark.parametrize(("waits", "dead", "good"), [(0.002, 0.1, True), (0.004, 0.1, False), (0.001, 0.3, False)])
def test_slow_claims_and_many_dead_rows_behind_a_strangers_transaction_fall_short(
    waits: float, dead: float, good: bool
) -> None:
    base = Measured([0.001] * 100, [0.1])
    assert _result(base, Measured([0.001] * 80 + [waits] * 20, [0.0, dead]), 600, 100).passed is good


def test_commits_that_are_cut_leave_every_effect_once(place: Scratch) -> None:
    result = cuts(place, 30)
    assert result.findings == [], result.smallest
    assert result.numbers["before"]
    assert result.numbers["after"]


def test_a_producer_that_asks_again_without_a_key_is_found_out(place: Scratch) -> None:
    assert "none unexpected" in rules(cuts(place, 24, keyed=False))


def test_a_worker_that_takes_silence_for_success_is_found_out(place: Scratch) -> None:
    # Whether a cut meets a worker's finish is chance.
    found = (rules(cuts(place, 20, fault="hopeful", calm=6)) for _ in range(8))
    assert any(broken & {"all final", "effects once"} for broken in found)


def test_a_server_that_is_ended_at_once_loses_nothing_that_was_acknowledged(bare: Scratch) -> None:
    result = restart(bare, times=2, jobs=100)
    assert [finding for finding in result.findings if finding.rule != "back to work"] == [], result.smallest


def test_at_normal_durability_the_end_of_a_server_is_found_to_lose_commits_and_the_rest_drains(bare: Scratch) -> None:
    result = restart(bare, times=2, jobs=60, durability="normal")
    assert rules(result) & {"none lost", "effects once", "one run per lease"}
    assert result.numbers["not_final"] == 0, result.smallest


def test_a_promoted_standby_has_whatever_was_acknowledged(bare: Scratch) -> None:
    result = failover(bare, 80)
    assert [finding for finding in result.findings if finding.rule != "back to work"] == [], result.smallest


def test_a_standby_that_no_commit_waits_for_is_found_to_lose_some(bare: Scratch) -> None:
    assert "none lost" in rules(failover(bare, 80, synchronous=False))


@pytest.mark.parametrize("fault", ["", "unwatched"])
def test_a_worker_that_is_cut_off_stops_before_its_job_runs_elsewhere(place: Scratch, fault: str) -> None:
    """Without its watchdog it does not, and that is seen."""
    result = partition(place, 6, fault=fault)
    assert rules(result) == ({"stopped in time"} if fault else set()), result.figure
