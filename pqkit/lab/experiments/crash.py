"""The kill storm: random kills, freezes and held locks hit workers and producers at work.

The verdict says whether a job was lost.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

from pqkit.domain.states import JobState
from pqkit.lab import Scratch
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.faults import GAPS
from pqkit.lab.harness.fleet import Fleet, Member
from pqkit.lab.harness.ledger import Diary
from pqkit.lab.harness.result import Progress, Result, catch_timeout, silent, verdict_of
from pqkit.lab.harness.timeline import Blow, recoveries
from pqkit.lab.harness.verdict import Finding
from pqkit.notebook.paths import refuse_other_code
from pqkit.queries import counts, workers
from pqkit.queries.time_range import RunView, runs

QUICK = {"heartbeat": 0.3, "rescue_after": 3, "rescue_every": 0.5, "slots": 4, "log_level": "warning"}
LONGEST_LOCK = 0.3
CALM, LONGEST_FREEZE = 120.0, 20.0
SHARE_OF_GAPS = 0.2
HANG, STUMBLE, EFFECT = "lab.deaf", "lab.stumble", "lab.effect"


@dataclass(frozen=True)
class Plan:
    """The size and severity of a storm.

    ``task`` (``module:handler``, called without arguments) replaces the lab's own workloads. ``hangs`` is the number of
    jobs whose handlers run past their deadline and ignore SIGTERM.
    """

    jobs: int = 1_000
    workers: int = 4
    producers: int = 2
    kills: int = 60
    stops: int = 5
    seed: int = 1
    task: str | None = None
    hangs: int = 0


class Frozen(NamedTuple):
    """The time since which a worker is frozen, and the jobs that it runs."""

    since: float
    jobs: list[int]


@dataclass
class Storm:
    """A running storm. The seed decides the faults, but not how the processes respond."""

    plan: Plan
    place: Scratch
    fleet: Fleet
    done: Counter[str] = field(default_factory=Counter)
    workers: list[Member] = field(default_factory=list)
    producers: list[Member] = field(default_factory=list)
    blows: list[Blow] = field(default_factory=list)
    frozen: dict[Member, Frozen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.plan.seed)  # noqa: S311 - repeatable, not secret
        self.enough = self.place.folder / "enough"
        self.menu = json.dumps(self._menu())

    def run(self, progress: Progress) -> None:
        """Inject faults until every job has ended and every fault was injected.

        Raises TimeoutError when nothing changes for ``CALM`` seconds.
        """
        self.workers = [self.fleet.worker() for _ in range(self.plan.workers)]
        self.producers = [self._producer() for _ in range(self.plan.producers)]
        self.fleet.wait_ready(self.workers)
        self._hang()
        calm = Calm(CALM)
        while (ended := self._look()) < self.plan.jobs or self.producers or self._unfinished() or self._owes_blows():
            calm.check((ended, self.done["kills"]))
            progress(min(ended / self.plan.jobs, 1), f"{ended} jobs ended, {self.done['kills']} kills")
            self._thaw()
            self._replace_the_dead()
            self._strike(ended)
            time.sleep(self.dice.uniform(0.01, 0.06))
        self.fleet.stop()

    def _hang(self) -> None:
        if self.plan.hangs:
            diary = Diary(self.place.folder / "told-hangs")
            diary.ask(self.plan.hangs)
            diary.told(self.fleet.queue.enqueue_many(HANG, [{}] * self.plan.hangs))

    def _look(self) -> int:
        now = counts(self.fleet.queue.database)
        if sum(now.values()) >= self.plan.jobs and not self._owes_blows():
            self.enough.touch()
        return sum(number for state, number in now.items() if state.final)

    def _unfinished(self) -> bool:
        return any(number for state, number in counts(self.fleet.queue.database).items() if not state.final)

    def _owes_blows(self) -> bool:
        owed = self.done["kills"] < self.plan.kills or self.done["stops"] < self.plan.stops
        return owed or bool(self.frozen)

    def _strike(self, ended: int) -> None:
        """Inject faults in proportion to the jobs that have ended.

        Producers queue jobs until the last fault, so there is always work.
        """
        part = (ended + 1) / self.plan.jobs
        standing = [member for member in self.workers if member.alive and not member.frozen]
        if not standing:
            return
        if self.done["stops"] < min(part, 1) * self.plan.stops and len(standing) > 1:
            self._freeze(standing)
        elif self.done["kills"] < min(part, 1) * self.plan.kills:
            self._kill(standing)

    def _freeze(self, standing: list[Member]) -> None:
        """Freeze a worker that runs a job to a plain end, or none.

        The worker's report after it thaws is what the experiment tests.
        """
        member = self.dice.choice(standing)
        member.freeze(self.fleet.queue)
        if jobs := experiment_record.in_hand(self.place, self.fleet.queue, member, but=(HANG, STUMBLE, EFFECT)):
            self.frozen[member] = Frozen(time.monotonic(), jobs)
            self._note("frozen", member)
            self.done["stops"] += 1
        else:
            member.thaw()

    def _thaw(self) -> None:
        """Thaw workers that were declared dead and whose jobs other workers have finished.

        On PostgreSQL a frozen worker may hold an open transaction that blocks all others, so it thaws after
        ``LONGEST_FREEZE`` seconds at the latest.
        """
        living = {worker.pid for worker in workers(self.fleet.queue.database)} if self.frozen else set()
        for member, (since, jobs) in list(self.frozen.items()):
            outlived = member.pid not in living and all(self.fleet.queue.state(job).final for job in jobs)
            if outlived or time.monotonic() - since > LONGEST_FREEZE:
                member.thaw()
                del self.frozen[member]

    def _kill(self, standing: list[Member]) -> None:
        blow: Callable[[list[Member]], None] = self.dice.choices(
            [self._kill_any, self._kill_on_duty, self._kill_producer, self._hold_lock], [75, 10, 10, 5]
        )[0]
        blow(standing)

    def _kill_any(self, standing: list[Member]) -> None:
        self.dice.choice(standing).kill()

    def _kill_on_duty(self, standing: list[Member]) -> None:
        pid = experiment_record.on_duty(self.fleet.queue)
        for member in standing:
            if member.pid == pid:
                member.kill()
                self.done["on duty"] += 1

    def _kill_producer(self, _standing: list[Member]) -> None:
        if self.producers and not self.enough.exists():
            self.dice.choice(self.producers).kill()
            self.done["producers"] += 1

    def _hold_lock(self, standing: list[Member]) -> None:
        if self.frozen:
            # A frozen worker may hold the lock, and this thread, which thaws it, would wait for the lock here.
            self._kill_any(standing)
            return
        with self.fleet.queue.database.write():
            time.sleep(self.dice.uniform(0, LONGEST_LOCK))
        self.done["locks"] += 1

    def _replace_the_dead(self) -> None:
        dead = self.fleet.bury()
        for member in dead:
            if member in self.workers:
                self.done["kills"] += 1
                self._note("killed", member)
                self.workers[self.workers.index(member)] = self._next_worker()
            elif member in self.producers:
                self.producers.remove(member)
                if not self.enough.exists():
                    self.producers.append(self._producer())

    def _note(self, kind: str, member: Member) -> None:
        self.blows.append(Blow(self.fleet.queue.database.now(), kind, member.name))

    def _next_worker(self) -> Member:
        """Start the next worker; some die by themselves in a gap that an outside kill rarely hits."""
        if self.done["kills"] >= self.plan.kills or self.dice.random() > SHARE_OF_GAPS:
            return self.fleet.worker()
        gap = self.dice.choice(sorted(GAPS))
        self.done["in gaps"] += 1
        return self.fleet.worker(fault=f"{gap}:{self.dice.randint(1, 5)}")

    def _producer(self) -> Member:
        self.done["diaries"] += 1
        diary = self.place.folder / f"told-{self.done['diaries']}"
        backlog = str(20 * self.plan.workers)
        return self.fleet.start(
            f"p{self.done['diaries']}",
            "pqkit.lab.harness.producer_process",
            str(diary),
            str(self.enough),
            backlog,
            self.menu,
        )

    def _menu(self) -> list[tuple[str, dict[str, object]]]:
        if self.plan.task is not None:
            return [(self.plan.task.partition(":")[2], {})]
        stamps = str(experiment_record.prepare(self.place, self.fleet.queue))
        naps: list[tuple[str, dict[str, object]]] = [("lab.nap", {"seconds": s}) for s in (0.002, 0.02, 0.05)]
        return [*naps, ("lab.count", {"n": 1000}), (EFFECT, {}), ("lab.stamp", {"folder": stamps}), (STUMBLE, {})]


class Calm:
    """Raises TimeoutError when the watched value has not changed for ``seconds``."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last, self._since = seconds, object(), time.monotonic()

    def check(self, watched: object) -> None:
        if watched != self._last:
            self._last, self._since = watched, time.monotonic()
        elif time.monotonic() - self._since > self._seconds:
            raise TimeoutError(f"nothing has moved for {self._seconds:g} s")


def crash(place: Scratch, plan: Plan, progress: Progress = silent) -> Result:
    """Run one storm in ``place`` and judge the result."""
    modules = [plan.task.partition(":")[0]] if plan.task else []
    refuse_other_code(modules)
    with Fleet(place, modules, **QUICK) as fleet:
        experiment_record.prepare(place, fleet.queue)
        return story(Storm(plan, place, fleet), progress)


def story(storm: Storm, progress: Progress) -> Result:
    """Run a storm and judge the result."""
    plan, place, fleet, begun = storm.plan, storm.place, storm.fleet, time.monotonic()
    late: list[Finding] = []
    with catch_timeout(late):
        storm.run(progress)
    if late:
        fleet.stop()
    evidence = experiment_record.gather(place, fleet.queue)
    findings, smallest = verdict_of(evidence, late)
    refused = experiment_record.refusals(fleet.queue)
    found = runs(fleet.queue.database)
    findings += hanging(found, evidence.states)
    broken = Counter(found.rule for found in findings)
    states = Counter(map(str, evidence.states.values()))
    numbers: dict[str, object] = {
        "jobs": len(evidence.states),
        "told": len(evidence.told.ids),
        "lost": broken["none lost"],
        "accepted_twice": broken["accepted once"],
        "not_final": broken["all final"],
        "states": dict(states),
        "runs": sum(entry.phase == "begun" for entry in evidence.entries),
        "refused": refused,
        **{name.replace(" ", "_"): storm.done[name] for name in BLOWS},
        "certificate": evidence.certificate.checksum,
        "seed": plan.seed,
        "seconds": round(time.monotonic() - begun, 1),
    }
    figure = (
        f"crash: {len(evidence.states):,} jobs, {storm.done['kills']:,} kills, {storm.done['stops']} freezes, "
        f"{storm.done['producers']} producers killed: {broken['none lost']} lost, "
        f"{broken['accepted once']} accepted twice, {broken['all final']} not final"
    )
    again = recoveries(found, storm.blows)
    numbers["recovery_p50"] = median([each.seconds for each in again]) if again else None
    tables: dict[str, list[Any]] = {"runs": found, "blows": storm.blows, "recoveries": again}
    return Result(figure, numbers, findings, smallest, tables)


def hanging(found: Sequence[RunView], states: Mapping[int, JobState | None]) -> list[Finding]:
    """Findings: hanging jobs that were not ended, at their deadline or with their worker."""
    jobs = sorted({run.job for run in found if run.task == HANG})
    unended = [job for job in jobs if states.get(job) is not JobState.UNPROCESSABLE]
    return [Finding("a hang ends at its deadline", job, f"it is {states.get(job)}") for job in unended]


BLOWS = ("kills", "in gaps", "on duty", "stops", "producers", "locks")
