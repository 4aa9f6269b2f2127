"""Through a real PgBouncer in transaction mode: all works, with few connections; only the listening is given up."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pqkit import Queue, get_queue
from pqkit.db.postgresql import PostgresDatabase
from pqkit.domain.states import JobState
from pqkit.queries import counts, misplaced, workers
from pqkit.queries.audit_history import audit
from tests.fleet import Fleet
from tests.handlers import double, until_told
from tests.pgbouncer import pooled
from tests.postgres import Server
from tests.support import PATIENCE, wait_until
from tests.verbs import sql


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with server.database() as direct, pooled(direct) as url:
        yield url


def test_workers_and_producers_share_three_connections_and_nothing_is_lost(
    queue: Queue, fleet: Fleet, url: str
) -> None:
    for name in ("w1", "w2", "w3"):
        fleet.start(name)
    with ThreadPoolExecutor(12) as pool:
        ids = list(pool.map(lambda n: get_queue(url).enqueue(double, {"n": n}).id, range(60)))
    wait_until(lambda: counts(queue.database)[JobState.COMPLETED] == len(ids), what="the jobs' end")
    assert len(set(ids)) == len(ids)
    assert misplaced(queue.database) == []
    assert audit(queue.database).findings == []
    ((connections,),) = sql(
        queue, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pqkit'"
    )
    assert connections <= 3


def test_an_idle_worker_finds_work_by_looking_and_the_doctor_says_so(queue: Queue, fleet: Fleet, url: str) -> None:
    fleet.start()
    assert isinstance(queue.database, PostgresDatabase)
    assert queue.enqueue(double, {"n": 4}).result(PATIENCE) == 8
    assert queue.database.pooled
    asked = subprocess.run(
        [sys.executable, "-m", "pqkit", "--url", url, "doctor", "--json"], capture_output=True, check=False
    )
    findings = json.loads(asked.stdout)
    (said,) = [finding["found"] for finding in findings if finding["check"] == "connection"]
    assert "cannot listen" in said


def test_a_killed_workers_jobs_run_again_and_a_stopped_ones_are_not_charged(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    killed = fleet.start("w1", "--slots", "1")
    job = queue.enqueue(until_told, {"path": str(tmp_path / "seen")})
    wait_until(lambda: job.state is JobState.PROCESSING, what="its start")
    killed.kill()
    fleet.start("w2", "--slots", "1", rescue_every="0.2")
    wait_until(lambda: sql(queue, "SELECT attempt FROM lease") == [(2,)], what="its second run")
    assert fleet.processes[-1].stop() == 0
    assert job.state is JobState.PENDING
    assert sql(queue, "SELECT retries FROM ready") == [(0,)]
    assert workers(queue.database) == []
