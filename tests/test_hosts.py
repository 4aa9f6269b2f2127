"""Workers on several hosts, and of several releases, on one database."""

import os
from pathlib import Path

import pytest

from pqkit import Queue
from pqkit.lab import Scratch
from pqkit.lab.experiments.crash import QUICK
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import Fleet as LabFleet
from pqkit.maintenance.leader import DUTY_SECONDS
from pqkit.queries import workers
from tests.fleet import Fleet
from tests.handlers import double
from tests.postgres import Server
from tests.support import PATIENCE, wait_until
from tests.verbs import sql


@pytest.mark.fault
def test_when_the_leader_is_killed_another_host_takes_over_although_nobody_there_sees_its_process(
    server: Server, tmp_path: Path
) -> None:
    """Its duty ends by itself five seconds after it was renewed last; only silence would tell of its death."""
    several = {**QUICK, "rescue_after": 600}
    with server.database() as url, LabFleet(Scratch(tmp_path, url), (), **several) as fleet:
        fleet.wait_ready([fleet.worker(fault="strange_pids") for _ in range(3)])
        leader = wait_until(lambda: experiment_record.on_duty(fleet.queue), PATIENCE, "a leader")
        ((until,),) = sql(fleet.queue, "SELECT until FROM duty WHERE name = 'maintenance'")
        assert until - fleet.queue.database.now() <= DUTY_SECONDS * 1_000_000
        next(member for member in fleet.members if member.pid == leader).kill()
        wait_until(lambda: experiment_record.on_duty(fleet.queue) not in {leader, None}, PATIENCE, "the next leader")
        ((leaders,),) = sql(fleet.queue, "SELECT count(*) FROM duty WHERE name = 'maintenance'")
        assert leaders == 1
        assert leader in {worker.pid for worker in workers(fleet.queue.database)}, "it was not buried for that"


def test_a_worker_works_on_while_a_newer_release_adds_to_the_schema_and_no_old_one_starts_any_more(
    queue: Queue, fleet: Fleet
) -> None:
    """As a migration does that only adds: a table, a column that may be empty."""
    old = fleet.start("old")
    assert queue.enqueue(double, {"n": 1}).result(PATIENCE) == 2
    sql(queue, "CREATE TABLE novelty (x INTEGER)")
    sql(queue, "ALTER TABLE job ADD COLUMN novel TEXT")
    sql(queue, "UPDATE pqkit_version SET version_num = '9999'")
    assert [queue.enqueue(double, {"n": n}).result(PATIENCE) for n in range(5)] == [0, 2, 4, 6, 8]
    late = fleet.start("late", ready=False)
    wait_until(lambda: late.ended, what="its refusal")
    assert "newer than this pqkit" in late.log
    assert "Traceback" not in late.log
    assert old.stop() == os.EX_OK
