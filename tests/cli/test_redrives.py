"""``pqkit redrives``, and the commands that change waiting jobs."""

import json

import pytest

from pqkit import queries
from pqkit.domain.outcomes import Fail, ended_by
from pqkit.domain.states import JobState
from pqkit.operations.redrives import advance
from pqkit.queue import Finished
from tests.conftest import a_worker


@pytest.fixture
def failed(queue):
    """Eight jobs that failed."""
    ids = queue.enqueue_many("add", [{"n": n} for n in range(8)], max_retries=0)
    worker = a_worker(queue)
    claims, now = worker.exchange([], 8, alone=True).claims, queue.database.now()
    worker.exchange([Finished(c, ended_by(c, Fail(f"no {c.job_id}")), now, now) for c in claims], 0, alone=True)
    return ids


def test_a_redrive_is_previewed_started_watched_stopped_and_undone(pqkit, queue, failed):
    asked = pqkit("redrives", "start", "--state", "failed")
    assert asked.code == 2
    assert "8 jobs: 8 failed" in asked.err
    assert "Fail: no …" in asked.err
    started = pqkit("redrives", "start", "--state", "failed", "--reason", "mended", "--yes")
    assert started.out == "redrive 1 has begun: pqkit redrives show 1\n"
    list(advance(queue.database))
    (shown,) = pqkit("redrives", "show", "1", "--json").json
    assert (shown["tally"]["sent"], shown["tally"]["waiting"], shown["wanted"]) == (5, 3, "states failed")
    assert pqkit("redrives", "stop", "1").out == "redrive 1 is stopped\n"
    assert "5 jobs put back" in pqkit("redrives", "undo", "1").out
    assert "undone" in pqkit("redrives", "list").out
    assert {queue.state(job) for job in failed} == {JobState.FAILED}
    for wrong in (("stop", "1"), ("undo", "1"), ("show", "77")):
        assert pqkit("redrives", *wrong).is_one_clear_line


def test_a_redrive_of_everything_or_nothing_is_not_begun(pqkit, queue):
    assert pqkit("redrives", "start", "--yes").is_one_clear_line
    assert pqkit("redrives", "start", "--state", "failed", "--yes").out == "no job fits\n"


def test_a_waiting_job_gets_another_priority_or_other_arguments(pqkit, queue):
    job = queue.enqueue("add", {"n": 1}).id
    assert "1 job changed" in pqkit("jobs", "set-priority", job, "--priority=-3", "--yes").out
    assert queries.job(queue.database, job).job.priority == -3
    assert pqkit("jobs", "replace", job, "--arg", "n=2").out == f"job {job + 1} is queued instead of job {job}\n"
    assert json.loads(queries.job(queue.database, job + 1).job.args) == {"n": 2}
    assert pqkit("jobs", "replace", "77", "--args", "{}").is_one_clear_line
