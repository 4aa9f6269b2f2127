"""A small incident to investigate: a killed worker, then a release that fails every job."""

from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.workloads import RELEASE
from pqkit.queries import workers
from pqkit.queries.time_range import Span

QUICK = {"heartbeat": 0.3, "rescue_after": 3, "rescue_every": 0.3, "slots": 2, "log_level": "warning"}
PATIENCE = 120.0


def bad_day(place: Scratch, jobs: int = 40) -> Span:
    """Run the incident on ``jobs`` jobs in the queue of ``place``; return its time span.

    The same number of jobs completes right before it.
    """
    with Fleet(place, (), **QUICK) as fleet:
        database, operator = fleet.queue.database, fleet.queue.operator("the operator on call")
        fleet.wait_ready([fleet.worker(), fleet.worker()])
        _run(fleet, jobs)
        since = database.now()
        _kill_one(fleet)
        operator.pause("default", reason="release 2 is on its way")
        fleet.stop()
        fleet.wait_ready([fleet.worker(environment={RELEASE: "bad"}) for _ in range(2)])
        operator.resume("default")
        _run(fleet, jobs)
        fleet.stop()
        return Span(since, database.now() + 1)


def _run(fleet: Fleet, jobs: int) -> None:
    ids = fleet.queue.enqueue_many("lab.release", [{"row": row} for row in range(jobs)], max_retries=0)
    wait_until(lambda: all(fleet.queue.state(job).final for job in ids), PATIENCE, "the end of the jobs")


def _kill_one(fleet: Fleet) -> None:
    """Kill the worker that holds a job, and let another worker finish the job."""
    gate = fleet.place.folder / "gate"
    job = fleet.queue.enqueue("lab.hold", {"until": str(gate)})
    (pid,) = wait_until(lambda: [w.pid for w in workers(fleet.queue.database) if w.running], PATIENCE, "its start")
    next(member for member in fleet.members if member.pid == pid).kill()
    fleet.bury()
    gate.touch()
    wait_until(lambda: job.state.final, PATIENCE, "the job's end elsewhere")
