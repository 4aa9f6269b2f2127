"""The time until the job of a killed worker runs again, with and without pid checks.

Everything else is at default settings.
"""

import math
import time
from pathlib import Path

from pqkit.db import system_clock
from pqkit.domain.durations import SECOND
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.ledger import entries
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding

LIMIT, LIMIT_WITHOUT_PID = 2.0, 32.0
PATIENCE = 90.0


def recovery(place: Scratch, kills: int = 20, *, without_pid: bool = False, progress: Progress = silent) -> Result:
    """Kill a worker that runs a job, many times, and measure until the job runs elsewhere.

    ``without_pid`` hides each worker's process from the others, so that only a stale heartbeat shows its death. Then
    five workers are killed at a time, because each rescue takes half a minute.
    """
    at_once = min(kills, 5) if without_pid else 1
    fault = "strange_pids" if without_pid else ""
    waits: list[float] = []
    with Fleet(place, slots=1) as fleet:
        fleet.wait_ready([fleet.worker(fault=fault) for _ in range(2 * at_once)])
        while len(waits) < kills:
            waits += _round(fleet, min(at_once, kills - len(waits)), fault)
            progress(len(waits) / kills, f"{len(waits)} kills, the longest wait {max(waits):.2f} s")
        fleet.stop()
    return _result(sorted(waits), LIMIT_WITHOUT_PID if without_pid else LIMIT, without_pid=without_pid)


def _round(fleet: Fleet, kills: int, fault: str) -> list[float]:
    """Kill the workers of ``kills`` jobs at once; return the seconds until each job ran again."""
    gate = fleet.place.folder / f"gate-{time.monotonic_ns()}"
    jobs = [fleet.queue.enqueue("lab.hold", {"until": str(gate)}).id for _ in range(kills)]
    wait_until(lambda: all(_begun(fleet.ledger, job, 1) for job in jobs), PATIENCE, "the jobs' start")
    pids = {entry.pid for entry in entries(fleet.ledger) if entry.job_id in jobs}
    killed_at = system_clock.steady()
    for member in [member for member in fleet.members if member.pid in pids]:
        member.kill()
    fleet.bury()
    again = [fleet.worker(fault=fault) for _ in pids]
    wait_until(lambda: all(_begun(fleet.ledger, job, 2) for job in jobs), PATIENCE, "the jobs' second start")
    gate.touch()
    fleet.wait_ready(again)
    wait_until(lambda: all(fleet.queue.state(job).final for job in jobs), PATIENCE, "the jobs' end")
    return [(_begun(fleet.ledger, job, 2) - killed_at) / SECOND for job in jobs]


def _begun(ledger: Path, job_id: int, attempt: int) -> int:
    """The start of that attempt, in microseconds since boot; 0 if it has not begun."""
    return next((e.at for e in entries(ledger) if (e.job_id, e.attempt, e.phase) == (job_id, attempt, "begun")), 0)


def _result(waits: list[float], limit: float, *, without_pid: bool) -> Result:
    p50, p99 = (waits[max(0, math.ceil(part * len(waits)) - 1)] for part in (0.5, 0.99))
    how = "silence alone tells" if without_pid else "default settings"
    figure = f"recovery: {len(waits)} kills, {how}: killed to running again p50 {p50:.2f} s, p99 {p99:.2f} s"
    slow = [Finding("recovery time", None, f"p99 is {p99:.2f} s, more than {limit:g} s")] if p99 > limit else []
    numbers: dict[str, object] = {"kills": len(waits), "p50": p50, "p99": p99, "limit": limit, "waits": waits}
    return Result(figure, numbers, slow)
