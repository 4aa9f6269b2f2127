"""A worker that holds maintenance is crippled but lives: other workers must still rescue.

The limit is counted in heartbeats of the healthy workers, because a busy machine slows down heartbeats and rescues
alike.
"""

import time
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from pqkit.db import system_clock
from pqkit.lab import Scratch, wait_until
from pqkit.lab.experiments.crash import Calm
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import Fleet, Member
from pqkit.lab.harness.ledger import entries
from pqkit.lab.harness.process_faults import CRIPPLES, GATE
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import workers
from pqkit.queue import Job, Queue

SETTINGS = {"heartbeat": 0.5, "rescue_after": 8, "rescue_every": 0.5, "slots": 2, "log_level": "warning"}
WORKERS = 3
PATIENCE, OFTEN = 90.0, 0.05
LIMIT = 60
"""The limit of a rescue in heartbeats of each healthy worker: 30 s if each comes in time."""
STOPPED = "stopped"
KINDS = (*CRIPPLES, STOPPED)


class Rescue(NamedTuple):
    """The time until the jobs ended, in seconds and in heartbeats.

    If they did not end, ``failure`` says why.
    """

    seconds: float
    beats: int
    failure: str = ""


class Beats:
    """Counts the workers' heartbeats that ``count`` sees.

    A heartbeat counts when the worker's heartbeat age is lower than at the previous call.
    """

    def __init__(self, queue: Queue, pids: Collection[int]) -> None:
        self._queue, self._ages = queue, dict.fromkeys(pids, 0.0)
        self._counts = Counter[int]()

    def count(self) -> int:
        """Read the heartbeat ages and return the count of the worker with the fewest heartbeats."""
        for worker in workers(self._queue.database):
            if worker.pid in self._ages and worker.heartbeat_age is not None:
                self._counts[worker.pid] += worker.heartbeat_age < self._ages[worker.pid]
                self._ages[worker.pid] = worker.heartbeat_age
        return min(self._counts[pid] for pid in self._ages)


def crippled(
    place: Scratch,
    kinds: tuple[str, ...] = KINDS,
    *,
    clinging: bool = False,
    limit: int = LIMIT,
    progress: Progress = silent,
) -> Result:
    """Cripple the worker that holds maintenance in each of these ways, and kill another one.

    The other worker runs a job. The experiment waits for that job and for one that is due later. ``clinging`` is the
    control: the crippled worker keeps maintenance.
    """
    rescues: dict[str, Rescue] = {}
    for number, kind in enumerate(kinds):
        progress(number / len(kinds), kind)
        rescues[kind] = _one(place, kind, f"clinging_{kind}" if clinging else kind, limit)
    findings = [
        Finding("rescued all the same", None, f"{kind}: {rescue.failure}")
        for kind, rescue in rescues.items()
        if rescue.failure
    ]
    known = {kind: rescue for kind, rescue in rescues.items() if not rescue.failure}
    figure = (
        f"crippled: {len(kinds)} kinds, {len(known)} survived, the longest wait for a rescue "
        f"{max((rescue.seconds for rescue in known.values()), default=0.0):.1f} s, "
        f"{max((rescue.beats for rescue in known.values()), default=0)} heartbeats"
    )
    waits = {kind: known[kind].seconds if kind in known else None for kind in kinds}
    beats = {kind: rescue.beats for kind, rescue in rescues.items()}
    return Result(figure, {"waits": waits, "beats": beats, "limit": limit}, findings)


def _one(place: Scratch, kind: str, fault: str, limit: int) -> Rescue:
    """The rescue of a killed worker's job, and of a job that became due during the rescue."""
    gate, until = place.folder / f"gate-{kind}", place.folder / f"until-{kind}"
    with Fleet(place, (), **SETTINGS) as fleet:
        fleet.environment[GATE] = str(gate)
        holder = fleet.worker("--queue", "none", fault="" if kind == STOPPED else fault)
        fleet.wait_ready([holder])
        wait_until(lambda: experiment_record.on_duty(fleet.queue) == holder.pid, PATIENCE, "the duty")
        others = [fleet.worker() for _ in range(WORKERS)]
        fleet.wait_ready(others)
        held = fleet.queue.enqueue("lab.hold", {"until": str(until)})
        wait_until(lambda: any(e.job_id == held.id for e in entries(fleet.ledger)), PATIENCE, "the job's start")
        runs_in = next(e.pid for e in entries(fleet.ledger) if e.job_id == held.id)
        gate.touch()
        if kind == STOPPED:
            holder.freeze(fleet.queue)
        later = fleet.queue.enqueue("lab.nap", {"seconds": 0}, delay=1)
        dead = next(member for member in others if member.pid == runs_in)
        dead.kill()
        until.touch()
        try:
            return _rescue(fleet.queue, (held, later), [member for member in others if member is not dead], limit)
        finally:
            holder.thaw()
            fleet.kill()


def _rescue(queue: Queue, jobs: Collection[Job], healthy: Collection[Member], limit: int) -> Rescue:
    """Wait until the jobs have ended, or every healthy worker has sent ``limit`` heartbeats."""
    beats, calm, began, count = (
        Beats(queue, [member.pid for member in healthy]),
        Calm(PATIENCE),
        system_clock.steady(),
        0,
    )
    failure = ""
    while not failure and not all(job.state.final for job in jobs):
        time.sleep(OFTEN)
        count = beats.count()
        failure = f"nobody was rescued within {limit} heartbeats" if count > limit else ""
        try:
            calm.check(count)
        except TimeoutError as error:
            failure = f"nobody was rescued, and the healthy workers' heartbeats ended: {error}"
    return Rescue((system_clock.steady() - began) / 1e6, count, failure)
