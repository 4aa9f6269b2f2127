"""A handler that blocks the event loop is found and ended; its neighbours lose nothing by it."""

from pathlib import Path

import pytest

from pqkit import JobFailed, JobState, Queue
from tests import blocking_handlers, evil
from tests.fleet import Fleet
from tests.support import PATIENCE, wait_until
from tests.verbs import sql


def test_a_handler_that_blocks_past_its_timeout_is_ended_and_charged_alone(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start("w1", "--slots", "4", tasks="tests.blocking_handlers,tests.evil", grace="1", heartbeat="0.2")
    blocking = queue.enqueue(blocking_handlers.blocks, {"started": str(tmp_path / "s")})
    wait_until((tmp_path / "s").exists, what="the handler")
    neighbours = [queue.enqueue(blocking_handlers.quick, {"seconds": 0}) for _ in range(6)]
    with pytest.raises(JobFailed, match="ran past its timeout"):
        blocking.result(PATIENCE)
    assert {job.result(PATIENCE) for job in neighbours} == {"quick"}
    assert "blocks the event loop" in worker.log
    charged = "SELECT job_id FROM attempt WHERE outcome NOT IN ('completed', 'released')"
    assert sql(queue, charged) == [(blocking.id,)]


def test_the_time_for_which_another_blocks_the_loop_is_not_counted(queue: Queue, fleet: Fleet, tmp_path: Path) -> None:
    fleet.start("w1", tasks="tests.blocking_handlers,tests.evil", grace="30", heartbeat="0.2")
    neighbour = queue.enqueue(blocking_handlers.quick, {"seconds": 0.5})
    wait_until(lambda: neighbour.state is JobState.PROCESSING, what="the neighbour")
    blocking = queue.enqueue(
        blocking_handlers.blocks_for, {"started": str(tmp_path / "s"), "path": str(tmp_path / "go")}
    )
    wait_until((tmp_path / "s").exists, what="the handler")
    wait_until(lambda: "2" in sql_seconds(queue, blocking.id), what="two seconds")
    (tmp_path / "go").touch()
    assert neighbour.result(PATIENCE) == "quick"
    assert blocking.result(PATIENCE) == "done"


def sql_seconds(queue: Queue, job_id: int) -> str:
    """For how many whole seconds the job's lease has lasted, as long as it is 2 or 3."""
    ((since,),) = sql(queue, f"SELECT claimed_at FROM lease WHERE job_id = {job_id}")
    return str((queue.database.now() - since) // 1_000_000)


def test_a_coroutine_that_is_deaf_to_its_end_keeps_its_slot_until_its_worker_ends(
    queue: Queue, fleet: Fleet, tmp_path: Path
) -> None:
    worker = fleet.start("w1", "--slots", "1", tasks="tests.blocking_handlers,tests.evil", grace="0.2", heartbeat="0.2")
    deaf = queue.enqueue(blocking_handlers.deaf, {"path": str(tmp_path / "ticks")}, timeout=0.2, max_retries=0)
    after = queue.enqueue(evil.ok_async)
    with pytest.raises(JobFailed, match="ran past its timeout"):
        deaf.result(PATIENCE)
    assert after.result(PATIENCE) == "fine"
    assert worker.log.count("worker ready") == 2
