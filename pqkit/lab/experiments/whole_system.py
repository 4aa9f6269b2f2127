"""The whole system dies at once: supervisord, workers and `pqkit up` are killed.

One command starts it again.
"""

import random
import signal
import time
import uuid
from contextlib import suppress

import psutil

from pqkit.lab import Scratch, wait_until
from pqkit.lab.experiments.crash import CALM, Calm
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import START_SECONDS, Fleet, carrying, left_behind
from pqkit.lab.harness.result import Progress, Result, catch_timeout, silent, verdict_of
from pqkit.lab.harness.verdict import Evidence, Finding
from pqkit.queries import counts, workers

MARK = "PQKIT_LAB_MARK"
JOBS_PER_LIFE = 100
STOP_SECONDS = 60.0


class System:
    """`pqkit up` in the fleet's folder, and all of its processes, which carry a mark."""

    def __init__(self, fleet: Fleet, count: int) -> None:
        self.fleet, self.count, self.mark = fleet, count, uuid.uuid4().hex

    def up(self) -> None:
        """Start `pqkit up`; return when a worker of the new system is in the registry."""
        home = {MARK: self.mark, "PQKIT_WORKERS": str(self.count)}
        self.fleet.start("up", "pqkit", "up", "--no-consoles", environment=home, folder=self.fleet.place.folder)
        wait_until(self._works, START_SECONDS, "the system's start")

    def kill(self) -> int:
        """Kill every living process with SIGKILL; return their number."""
        killed = len(self.fleet.members)
        self.fleet.kill()
        while found := carrying(MARK, self.mark):
            for process in found:
                with suppress(psutil.Error):
                    process.kill()
                    killed += 1
        return killed

    def _works(self) -> bool:
        pids = {process.pid for process in carrying(MARK, self.mark)}
        return any(worker.pid in pids for worker in workers(self.fleet.queue.database))


def system(place: Scratch, times: int = 10, count: int = 2, *, seed: int = 1, progress: Progress = silent) -> Result:
    """Kill the whole system ``times`` times while it works, and start it once more.

    It must then drain, and the audit must be clean.
    """
    dice, begun, killed = random.Random(seed), time.monotonic(), 0  # noqa: S311 - repeatable, not secret
    with Fleet(place) as fleet:
        stamps = experiment_record.prepare(place, fleet.queue)
        whole, told, late = System(fleet, count), list[int](), list[Finding]()
        try:
            for life in range(times):
                told += fleet.queue.enqueue_many("lab.nap", [{"seconds": 0.05}] * JOBS_PER_LIFE)
                told += fleet.queue.enqueue_many("lab.stamp", [{"folder": str(stamps)}] * JOBS_PER_LIFE)
                whole.up()
                time.sleep(dice.uniform(0, 2))
                killed += whole.kill()
                progress((life + 1) / (times + 1), f"killed {life + 1} times, {killed} processes")
            whole.up()
            with catch_timeout(late):
                _drain(fleet, progress)
            left = _end(whole)
        finally:
            whole.kill()
        evidence = experiment_record.gather(place, fleet.queue)
        findings, smallest = verdict_of(evidence._replace(told=evidence.told._replace(ids=told)), late)
    findings += left
    figure = (
        f"system: killed {times} times ({killed} processes), {len(told):,} jobs: "
        f"{_ended(evidence):,} ended, {len(findings)} promises broken"
    )
    numbers: dict[str, object] = {"times": times, "processes": killed, "jobs": len(told)}
    return Result(figure, {**numbers, "seconds": round(time.monotonic() - begun, 1)}, findings, smallest)


def _ended(evidence: Evidence) -> int:
    return sum(state is not None and state.final for state in evidence.states.values())


def _drain(fleet: Fleet, progress: Progress) -> None:
    """Wait until every job has ended; raises TimeoutError when nothing changes for ``CALM`` s."""
    calm = Calm(CALM)
    while open_ones := sum(n for state, n in counts(fleet.queue.database).items() if not state.final):
        calm.check(open_ones)
        progress(0.99, f"{open_ones} jobs are left")
        time.sleep(0.1)


def _end(whole: System) -> list[Finding]:
    """Send Ctrl+C; afterwards no process may be left."""
    for member in whole.fleet.members:
        member.signal(signal.SIGINT)
    with suppress(TimeoutError):
        wait_until(lambda: not any(member.alive for member in whole.fleet.members), STOP_SECONDS)
    left = left_behind(MARK, whole.mark)
    return [Finding("nothing left behind", None, f"process {process.pid} still runs") for process in left]
