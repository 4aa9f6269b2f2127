"""Forks of every kind, in producers and in handlers, with kills: no job is lost.

Every order in which parent and child can end is tried. First, families of producers run one after the other while no
other process has the database open, so that the last process to end closes it. Then several families run at once,
beside workers whose handlers fork as well.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle, product

import psutil

from pqkit.lab import Scratch, wait_until
from pqkit.lab.experiments.crash import CALM, QUICK, Calm
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import LEDGER, Fleet, carrying
from pqkit.lab.harness.forking_producer import WAYS
from pqkit.lab.harness.ledger import Diary, read_diaries
from pqkit.lab.harness.result import Progress, Result, catch_timeout, silent, verdict_of
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import counts

IN_HANDLERS = ("fork", "grandchild", "executor", "multiprocessing fork", "multiprocessing spawn")
OFTEN = 0.05
FAMILY = "PQKIT_LAB_FAMILY"
COMMAND = ["-m", "pqkit.lab.harness.forking_producer"]
FAMILY_SECONDS = 300.0
"""The most processor seconds of a family's living processes: more means an endless loop."""


@dataclass(frozen=True)
class Plan:
    """The least number of acknowledged jobs, and the number of jobs of each family.

    ``carried`` is the control: open connections are carried over the forks and used on both sides.
    """

    jobs: int = 20_000
    each: int = 100
    workers: int = 2
    at_once: int = 3
    kills: int = 40
    seed: int = 1
    carried: bool = False


@dataclass
class Families:
    """The producers' processes: the parents that this process starts, and their forks."""

    plan: Plan
    fleet: Fleet
    parents: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    born: int = 0
    kills: int = 0
    latest: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        self.dice = random.Random(self.plan.seed)  # noqa: S311 - repeatable, not secret
        self._kinds: Iterator[tuple[str, str]] = cycle(product(WAYS, ("parent", "child")))

    def start(self) -> None:
        way, first = self.latest = next(self._kinds)
        self.born += 1
        folder = self.fleet.place.folder
        fault = {"PQKIT_LAB_FAULT": "carried"} if self.plan.carried else {}
        with (folder / "families.log").open("ab") as log:
            self.parents.append(
                subprocess.Popen(
                    [sys.executable, "-P", *COMMAND, way, first, str(folder), str(self.plan.each)],
                    env={**os.environ, **self.fleet.environment, FAMILY: self.mark, **fault},
                    stdout=log,
                    stderr=log,
                )
            )

    @property
    def mark(self) -> str:
        return str(self.fleet.ledger)

    def living(self) -> list[int]:
        """The pids of the families' living processes, including orphans, without handlers' forks."""
        for parent in self.parents:
            parent.poll()
        return [one.pid for one in carrying(FAMILY, self.mark)]

    def forked(self) -> list[int]:
        """The pids of the living processes and of the handlers' forks.

        A handler's resource tracker lives as long as its worker.
        """
        living, members = self.living(), {member.pid for member in self.fleet.members}
        return [*living, *(one.pid for one in carrying(LEDGER, self.mark) if one.pid not in {*living, *members})]

    def used(self) -> dict[int, float]:
        """The processor seconds that each living process has used."""
        used = {}
        for pid in self.living():
            with suppress(psutil.Error):
                used[pid] = sum(psutil.Process(pid).cpu_times()[:2])
        return used

    @property
    def words(self) -> str:
        """The number of families, with the kind of the last one."""
        return f"families up to number {self.born} ({self.latest[0]}, the {self.latest[1]} ends first)"

    def bury(self) -> None:
        self.parents = [parent for parent in self.parents if parent.poll() is None]

    def kill_one(self, pids: list[int]) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.dice.choice(pids), signal.SIGKILL)
            self.kills += 1

    def end(self) -> None:
        for parent in self.parents:
            parent.kill()
            parent.wait()
        for pid in self.forked():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def forks(place: Scratch, plan: Plan, progress: Progress = silent) -> Result:
    """Run both parts in ``place`` and judge the result."""
    with Fleet(place, (), **QUICK) as fleet:
        experiment_record.prepare(place, fleet.queue)
        families = Families(plan, fleet)
        late: list[Finding] = []
        try:
            with catch_timeout(late):
                _one_by_one(families, progress)
                _together(families, progress)
                _drain(families)
        finally:
            families.end()
        fleet.stop()
        return _result(families, late)


def _told(families: Families) -> int:
    return len(read_diaries(families.fleet.place.folder.glob(experiment_record.DIARIES)).ids)


def _one_by_one(families: Families, progress: Progress) -> None:
    """Queue half of the jobs by families that have the database for themselves.

    Some families are killed while they work.
    """
    plan = families.plan
    families.fleet.queue.close()
    while (told := _told(families)) < plan.jobs / 2:
        progress(told / plan.jobs, f"{families.born} families one by one, {told} jobs")
        families.start()
        if families.kills < plan.kills / 2 * told / plan.jobs:
            _kill_within(families)
        _wait_for_end(families)
        families.bury()


def _wait_for_end(families: Families) -> None:
    """Wait until every process of the families has ended.

    Raises TimeoutError if they neither use the processor nor end, or use more than ``FAMILY_SECONDS``.
    """
    calm = Calm(CALM)
    while used := families.used():
        if sum(used.values()) > FAMILY_SECONDS:
            raise TimeoutError(f"{families.words} worked for {FAMILY_SECONDS:g} s of the processor and did not end")
        try:
            calm.check(used)
        except TimeoutError as error:
            raise TimeoutError(f"{families.words} did not end: {error}") from error
        time.sleep(OFTEN)


def _kill_within(families: Families) -> None:
    """Kill one process of the family that is at work."""
    before = _told(families)
    with suppress(TimeoutError):
        wait_until(lambda: _told(families) > before + families.dice.randrange(families.plan.each // 2), 5)
    if living := families.living():
        families.kill_one(living)


def _together(families: Families, progress: Progress) -> None:
    """Queue the other half by several families at once, beside workers whose handlers fork."""
    plan, fleet = families.plan, families.fleet
    workers = [fleet.worker() for _ in range(plan.workers)]
    fleet.wait_ready(workers)
    handlers, calm = cycle(IN_HANDLERS), Calm(CALM)
    while (told := _told(families)) < plan.jobs:
        calm.check((told, families.kills))
        progress(told / plan.jobs, f"{families.born} families, {told} jobs, {families.kills} kills")
        families.bury()
        if len(families.parents) < plan.at_once:
            families.start()
            _have_handlers_fork(families, next(handlers))
        if families.kills < plan.kills * told / plan.jobs:
            _kill_anyone(families)
        fleet.bury()
        while len(fleet.members) < plan.workers:
            fleet.worker()
        time.sleep(OFTEN)


def _have_handlers_fork(families: Families, way: str) -> None:
    place, mine = families.fleet.place, _diary(families)
    mine.ask(1)
    mine.told([families.fleet.queue.enqueue("lab.fork", {"way": way, "folder": str(place.folder)}).id])


def _diary(families: Families) -> Diary:
    return Diary(families.fleet.place.folder / f"told-lab-{families.born}")


def _kill_anyone(families: Families) -> None:
    """Kill a worker at every fourth kill, otherwise a process of a family or a handler's fork."""
    if families.kills % 4 == 3 and families.fleet.members:
        families.dice.choice(families.fleet.members).kill()
        families.kills += 1
    elif forked := families.forked():
        families.kill_one(forked)


def _drain(families: Families) -> None:
    """Wait until all families and all jobs have ended."""
    _wait_for_end(families)
    fleet, calm = families.fleet, Calm(CALM)
    while unfinished := sum(n for state, n in counts(fleet.queue.database).items() if not state.final):
        calm.check(unfinished)
        time.sleep(OFTEN)
    fleet.stop()
    wait_until(lambda: not families.forked(), CALM, "the end of what handlers have forked")


def _result(families: Families, late: Sequence[Finding]) -> Result:
    plan, fleet = families.plan, families.fleet
    evidence = experiment_record.gather(fleet.place, fleet.queue)
    findings, smallest = verdict_of(evidence, late)
    lost = sum(found.rule in {"none lost", "told once"} for found in findings)  # a lost id is assigned again
    figure = (
        f"forks: {len(evidence.told.ids):,} jobs acknowledged by {families.born} families that fork in {len(WAYS)} "
        f"ways, {families.kills} kills: {lost} lost"
    )
    numbers: dict[str, object] = {
        "jobs": len(evidence.states),
        "told": len(evidence.told.ids),
        "lost": lost,
        "families": families.born,
        "ways": list(WAYS),
        "kills": families.kills,
        "seed": plan.seed,
    }
    return Result(figure, numbers, findings, smallest)
