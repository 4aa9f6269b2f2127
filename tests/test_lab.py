"""The lab: its experiments in short form, and a proof that each of its judges can say no."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pqkit.audit.rules import Certificate
from pqkit.domain.states import JobState
from pqkit.errors import DatabaseUnavailable
from pqkit.lab import Scratch, scratch, wait_until
from pqkit.lab.experiments.contention import contention
from pqkit.lab.experiments.crash import QUICK, Plan, crash
from pqkit.lab.experiments.poison import charges, poison
from pqkit.lab.experiments.recovery import LIMIT, _result, recovery
from pqkit.lab.experiments.whole_system import system
from pqkit.lab.harness import experiment_record, verdict
from pqkit.lab.harness.fleet import Fleet, Member
from pqkit.lab.harness.ledger import Entry, Told, entries
from pqkit.lab.harness.result import Result
from pqkit.lab.harness.verdict import Evidence
from pqkit.queries import counts, workers
from pqkit.queue import get_queue
from pqkit.settings import Settings
from tests.postgres import Server
from tests.support import PATIENCE
from tests.verbs import sql

SAME = "worker_id, claimed_at, started_at, ended_at, outcome, error, next_at"
DONE, POISONED = JobState.COMPLETED, JobState.UNPROCESSABLE


@pytest.mark.fault
@pytest.mark.prove
def test_a_storm_of_kills_and_freezes_loses_nothing_and_accepts_nothing_twice(place: Scratch, kind: str) -> None:
    jobs, kills, stops = (1_000, 60, 2) if kind == "sqlite" else (300, 15, 1)
    result = crash(place, Plan(jobs=jobs, workers=4, kills=kills, stops=stops, seed=3))
    assert result.findings == [], result.smallest
    assert result.numbers["kills"] >= kills
    assert result.numbers["told"] >= jobs


@pytest.mark.fault
@pytest.mark.prove
def test_a_killed_workers_job_runs_again_long_before_its_silence_would_tell(place: Scratch) -> None:
    """How long exactly is for the command: here the machine may be slow."""
    result = recovery(place, 2)
    longest = result.numbers["p99"]
    assert isinstance(longest, float)
    assert longest < Settings().rescue_after, result.figure


@pytest.mark.fault
@pytest.mark.prove
def test_poison_is_set_aside_and_its_neighbours_are_not_charged(place: Scratch) -> None:
    result = poison(place, good=40)
    assert result.findings == [], result.smallest


@pytest.mark.fault
@pytest.mark.prove
def test_many_writers_all_get_their_turn(place: Scratch) -> None:
    result = contention(place, seconds=2, writers=4)
    assert result.numbers["errors"] == 0
    commits = result.numbers["commits"]
    assert isinstance(commits, list)
    assert len(commits) == 4
    assert min(commits) > 0, result.figure


@pytest.mark.fault
@pytest.mark.prove
def test_a_system_that_was_killed_whole_drains_after_one_command(place: Scratch) -> None:
    result = system(place, times=1)
    assert result.findings == [], result.smallest


@pytest.mark.fault
@pytest.mark.prove
@pytest.mark.parametrize("fault", ["", "unfenced"])
def test_a_worker_without_its_fence_is_caught(place: Scratch, fault: str) -> None:
    """The same freeze and thaw with the fence is clean: the judges see the difference and nothing else."""
    with Fleet(place, **{**QUICK, "slots": 1}) as fleet:
        experiment_record.prepare(place, fleet.queue)
        # Its heart does not beat before its handler has ended: it would learn of its death and not try to finish.
        frozen = fleet.worker(fault=fault, heartbeat=2_000, rescue_after=6_000)
        fleet.wait_ready([frozen])
        gate = place.folder / "gate"
        job = fleet.queue.enqueue("lab.hold", {"until": str(gate)})
        begun(fleet, job.id, 1)
        frozen.freeze(fleet.queue)
        other = fleet.worker(fault=fault, rescue_after=1)
        begun(fleet, job.id, 2)
        ended_since(fleet, frozen, seconds=3)
        other.freeze(fleet.queue)
        gate.touch()
        frozen.thaw()
        wait_until(
            lambda: job.state.final or experiment_record.refusals(fleet.queue),
            PATIENCE,
            "the zombie's attempt to finish",
        )
        other.thaw()
        wait_until(lambda: job.state.final, PATIENCE, "the job's end")
        fleet.stop()
        findings = verdict.judge(told_all(experiment_record.gather(place, fleet.queue)))
        refused = experiment_record.refusals(fleet.queue)
    if fault:
        assert [finding.words for finding in findings if finding.words.startswith("fence held")], findings
    else:
        assert findings == []
        assert refused


def begun(fleet: Fleet, job_id: int, attempt: int) -> None:
    wanted = (job_id, attempt, "begun")
    wait_until(
        lambda: wanted in {(e.job_id, e.attempt, e.phase) for e in entries(fleet.ledger)}, PATIENCE, "the attempt"
    )


def ended_since(fleet: Fleet, member: Member, seconds: float) -> None:
    """Wait until the registry has held that worker for ended so long that no clock's slack hides it."""

    def long_since() -> bool:
        lives = [w for w in workers(fleet.queue.database, living=False) if w.pid == member.pid and w.ended_at]
        return bool(lives) and fleet.queue.database.now() - (lives[0].ended_at or 0) > seconds * 1_000_000

    wait_until(long_since, PATIENCE, "the zombie's death in the registry")


def told_all(evidence: Evidence) -> Evidence:
    return evidence._replace(told=Told(list(evidence.states), []))


GOOD = Evidence(
    told=Told([1, 2], [10]),
    entries=[
        Entry(1, 1, 7, "begun", 1),
        Entry(1, 1, 7, "done", 2),
        Entry(2, 1, 8, "begun", 1),
        Entry(2, 2, 9, "begun", 3),
        Entry(2, 2, 9, "done", 4),
    ],
    states={1: DONE, 2: DONE},
    accepted={1: [1], 2: [2]},
    effects={2: [2]},
    misplaced=[],
    certificate=Certificate(),
)


def test_an_honest_record_is_judged_clean_whether_an_unanswered_request_arrived_or_not() -> None:
    assert verdict.judge(GOOD) == []
    arrived = dict.fromkeys(range(1, 13), DONE)
    runs = [Entry(job, 1, 7, "done", 2) for job in range(3, 13)]
    whole = GOOD._replace(
        states=arrived, entries=[*GOOD.entries, *runs], accepted={**GOOD.accepted, **{job: [1] for job in range(3, 13)}}
    )
    assert verdict.judge(whole) == []


@pytest.mark.parametrize(
    ("rule", "doctored"),
    [
        ("none lost", {"told": Told([1, 2, 3], [10])}),
        ("told once", {"told": Told([1, 2, 2], [10])}),
        ("none unexpected", {"states": {1: DONE, 2: DONE, 3: DONE}}),
        ("all final", {"states": {1: DONE, 2: JobState.PROCESSING}}),
        ("one run per lease", {"entries": [*GOOD.entries, Entry(2, 2, 10, "begun", 4)]}),
        ("accepted once", {"accepted": {1: [1], 2: [1, 2]}}),
        ("accepted ran", {"entries": GOOD.entries[:-1]}),
        ("effects once", {"effects": {2: [1, 2]}}),
        ("effects once", {"effects": {2: []}}),
        ("in one place", {"misplaced": [2]}),
    ],
)
def test_a_doctored_record_is_judged_by_the_right_rule(rule: str, doctored: dict[str, Any]) -> None:
    evidence = GOOD._replace(**doctored)
    found = verdict.judge(evidence)
    assert rule in {finding.rule for finding in found}
    assert all(verdict.counterexample(evidence, finding) for finding in found if finding.job_id is not None)


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM job WHERE id = 2",
        "DELETE FROM closed WHERE job_id = 2",
        "UPDATE attempt SET outcome = 'failed' WHERE job_id = 2",
        f"INSERT INTO attempt SELECT job_id, 2, {SAME} FROM attempt WHERE job_id = 2",
        "INSERT INTO lab_effect VALUES (2, 1)",
    ],
)
def test_damage_in_the_database_is_seen(eventful: tuple[Scratch, Fleet], damage: str) -> None:
    place, fleet = eventful
    evidence = experiment_record.gather(place, fleet.queue)
    evidence = evidence._replace(told=Told(list(evidence.states), []))
    assert verdict.judge(evidence) == []
    sql(fleet.queue, damage)
    assert verdict.judge(experiment_record.gather(place, fleet.queue)._replace(told=evidence.told))


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scratch, Fleet]]:
    """Three jobs that one real worker has run: a nap, one that leaves a row, one that leaves a file."""
    folder = tmp_path_factory.mktemp("lab")
    place = Scratch(folder, f"sqlite:///{folder}/queue.db")
    with Fleet(place, **QUICK) as fleet:
        stamps = experiment_record.prepare(place, fleet.queue)
        calls = [("lab.nap", {"seconds": 0}), ("lab.effect", {}), ("lab.stamp", {"folder": str(stamps)})]
        jobs = [fleet.queue.enqueue(task, arguments) for task, arguments in calls]
        fleet.worker()
        for job in jobs:
            job.result(PATIENCE)
        fleet.stop()
        yield place, fleet


@pytest.fixture
def eventful(run_once: tuple[Scratch, Fleet], tmp_path: Path) -> Iterator[tuple[Scratch, Fleet]]:
    """A copy of that for a test to spoil."""
    place, fleet = run_once
    copy = Scratch(place.folder, f"sqlite:///{tmp_path}/copy.db")
    fleet.queue.database.backup(tmp_path / "copy.db")
    whole, fleet.queue = fleet.queue, get_queue(copy.url)
    yield copy, fleet
    fleet.queue.close()
    fleet.queue = whole


@pytest.mark.fault
@pytest.mark.prove
def test_a_worker_dies_in_the_gap_that_was_asked_for_and_its_job_completes(place: Scratch) -> None:
    with Fleet(place, **{**QUICK, "rescue_after": 600}) as fleet:
        stamps = experiment_record.prepare(place, fleet.queue)
        jobs = {}
        for gap in ("after_claim", "before_finish", "inside_finish", "before_rename"):
            job = fleet.queue.enqueue("lab.stamp", {"folder": str(stamps)})
            jobs[gap] = job.id
            doomed = fleet.worker(fault=gap)
            wait_until(lambda doomed=doomed: not doomed.alive, PATIENCE, "its death")
            assert (job.id in {entry.job_id for entry in entries(fleet.ledger)}) is (gap != "after_claim")
            fleet.bury()
            fleet.worker()
            job.result(PATIENCE)
            fleet.stop()
        evidence = told_all(experiment_record.gather(place, fleet.queue))
    assert verdict.judge(evidence) == []
    assert {gap: evidence.accepted[job] for gap, job in jobs.items()} == {
        "after_claim": [2],
        "before_finish": [2],
        "inside_finish": [2],
        "before_rename": [1],
    }


@pytest.mark.fault
@pytest.mark.prove
@pytest.mark.sqlite
def test_handlers_that_are_deaf_or_let_nobody_else_run_break_no_promise(place: Scratch) -> None:
    with Fleet(place, **{**QUICK, "rescue_after": 1, "slots": 1, "grace": 0.5}) as fleet:
        experiment_record.prepare(place, fleet.queue)
        deaf = fleet.queue.enqueue("lab.deaf", timeout=1, max_retries=0)
        greedy = fleet.queue.enqueue("lab.hold_gil", {"letters": 23})
        fleet.wait_ready([fleet.worker(), fleet.worker()])
        wait_until(lambda: deaf.state.final and greedy.state.final, PATIENCE, "their end")
        assert deaf.state is POISONED
        fleet.stop()
        assert verdict.judge(told_all(experiment_record.gather(place, fleet.queue))) == []


@pytest.mark.fault
@pytest.mark.prove
@pytest.mark.sqlite
def test_the_lab_takes_the_users_own_handler(place: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labtasks.py").write_text("from pqkit import task\n\n\n@task\nasync def mine() -> int:\n    return 1\n")
    monkeypatch.chdir(tmp_path)
    result = crash(place, Plan(jobs=30, workers=2, producers=1, kills=2, stops=0, task="labtasks:mine"))
    assert result.findings == [], result.smallest
    assert result.numbers["runs"] >= 30


def test_of_many_findings_each_rule_is_told_before_one_is_told_again() -> None:
    found = [verdict.Finding("effects once", job, "words") for job in range(20)] + [
        verdict.Finding("all final", 9, "words")
    ]
    with pytest.raises(AssertionError) as told:
        Result("figure", {}, found).check()
    lines = str(told.value).splitlines()
    assert lines[:3] == ["figure", "effects once: words", "all final: job 9: words"]
    assert len(lines) == 6


def test_slow_recovery_falls_short() -> None:
    assert _result([0.5, LIMIT], LIMIT, without_pid=False).passed
    assert not _result([0.5, LIMIT + 0.1], LIMIT, without_pid=False).passed


@pytest.mark.parametrize(
    ("budgets", "rule"),
    [
        ({1: experiment_record.Budget(DONE, 0, 0), 2: experiment_record.Budget(POISONED, 0, 2)}, "poison set aside"),
        ({1: experiment_record.Budget(DONE, 0, 0), 2: experiment_record.Budget(DONE, 0, 0)}, "poison set aside"),
        (
            {1: experiment_record.Budget(DONE, 0, 1), 2: experiment_record.Budget(POISONED, 0, 3)},
            "neighbours uncharged",
        ),
        (
            {1: experiment_record.Budget(JobState.CANCELED, 0, 0), 2: experiment_record.Budget(POISONED, 0, 3)},
            "neighbours uncharged",
        ),
    ],
)
def test_a_wrong_charge_is_found(budgets: dict[int, experiment_record.Budget], rule: str) -> None:
    assert (
        charges({1: experiment_record.Budget(DONE, 0, 0), 2: experiment_record.Budget(POISONED, 0, 3)}, {2: "exit"})
        == []
    )
    assert [finding.rule for finding in charges(budgets, {2: "exit"})] == [rule]


def test_a_scratch_place_beside_a_postgresql_database_is_a_database_of_its_own(server: Server) -> None:
    with server.database() as url:
        here = scratch(url)
        get_queue(here.url).enqueue("lab.nap", {"seconds": 0})
        assert sum(counts(get_queue(url).database).values()) == 0
        here.remove()
        assert not here.folder.exists()
        with pytest.raises(DatabaseUnavailable, match="does not exist"):
            get_queue(here.url)


def test_a_server_that_allows_no_scratch_database_says_what_it_wants(server: Server) -> None:
    with server.database() as url, psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as admin:
        admin.execute("CREATE ROLE poor LOGIN")
        try:
            with pytest.raises(DatabaseUnavailable, match="CREATEDB"):
                scratch(url.replace("postgres@", "poor@", 1))
        finally:
            admin.execute("DROP ROLE poor")
