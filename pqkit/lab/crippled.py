"""One worker that has maintenance is crippled, and lives on: are the jobs of dead workers rescued all the same?"""

from pqkit.db import clock
from pqkit.durations import SECOND
from pqkit.lab import Scratch, record, wait_until
from pqkit.lab.cripples import CRIPPLES, GATE
from pqkit.lab.fleet import Fleet
from pqkit.lab.ledger import entries
from pqkit.lab.result import Progress, Result, silent
from pqkit.lab.verdict import Finding

SETTINGS = {"heartbeat": 0.5, "rescue_after": 8, "rescue_every": 0.5, "slots": 2, "log_level": "warning"}
WORKERS = 3
PATIENCE = 90.0
LIMIT, CONTROL = 120.0, 30.0
"""Seconds that a rescue may take on however busy a machine, and those after which a control has failed."""
STOPPED = "stopped"
KINDS = (*CRIPPLES, STOPPED)


def crippled(
    place: Scratch,
    kinds: tuple[str, ...] = KINDS,
    *,
    clinging: bool = False,
    limit: float | None = None,
    progress: Progress = silent,
) -> Result:
    """Cripple the worker that has maintenance in each of these ways, kill another that runs a job, and wait for that
    job and one that is due later. ``clinging`` is for the control: the crippled one keeps maintenance."""
    limit = limit or (CONTROL if clinging else LIMIT)
    waits: dict[str, float | None] = {}
    for number, kind in enumerate(kinds):
        progress(number / len(kinds), kind)
        waits[kind] = _one(place, kind, f"clinging_{kind}" if clinging else kind, limit)
    late = [kind for kind, seconds in waits.items() if seconds is None]
    findings = [
        Finding("rescued all the same", None, f"{kind}: nobody was rescued within {limit:g} s") for kind in late
    ]
    known = [seconds for seconds in waits.values() if seconds is not None]
    figure = (
        f"crippled: {len(kinds)} kinds, {len(known)} survived, the longest wait for a rescue "
        f"{max(known, default=0.0):.1f} s"
    )
    return Result(figure, {"waits": waits, "limit": limit}, findings)


def _one(place: Scratch, kind: str, fault: str, limit: float) -> float | None:
    """The seconds until the job of a killed worker and one that was due meanwhile had ended; None for too many."""
    gate, until = place.folder / f"gate-{kind}", place.folder / f"until-{kind}"
    with Fleet(place, (), **SETTINGS) as fleet:
        fleet.environment[GATE] = str(gate)
        holder = fleet.worker("--queue", "none", fault="" if kind == STOPPED else fault)
        fleet.wait_ready([holder])
        wait_until(lambda: record.on_duty(fleet.queue) == holder.pid, PATIENCE, "the duty")
        others = [fleet.worker() for _ in range(WORKERS)]
        fleet.wait_ready(others)
        held = fleet.queue.enqueue("lab.hold", {"until": str(until)})
        wait_until(lambda: any(e.job_id == held.id for e in entries(fleet.ledger)), PATIENCE, "the job's start")
        runs_in = next(e.pid for e in entries(fleet.ledger) if e.job_id == held.id)
        gate.touch()
        if kind == STOPPED:
            holder.freeze(fleet.queue)
        later = fleet.queue.enqueue("lab.nap", {"seconds": 0}, delay=1)
        next(member for member in others if member.pid == runs_in).kill()
        killed = clock.steady()
        until.touch()
        try:
            wait_until(lambda: held.state.final and later.state.final, limit)
        except TimeoutError:
            return None
        finally:
            holder.thaw()
            fleet.kill()
        return (clock.steady() - killed) / SECOND
