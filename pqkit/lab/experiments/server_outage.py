"""The server goes away under load: it is restarted, or its standby replaces it."""

import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil

from pqkit.db import system_clock
from pqkit.domain.durations import SECOND
from pqkit.lab import Scratch
from pqkit.lab.experiments.crash import QUICK, Plan, Storm, story
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.ledger import entries
from pqkit.lab.harness.postgres_server import HASTY, Cluster, clusters, own_server
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding

LIMIT = 10.0
STANDBY = "standby"
FALL_BEHIND = 1.0


class Outage(NamedTuple):
    """The fault of the server, the number of times, and the durability of all commits."""

    strike: Callable[[], None]
    times: int = 1
    durability: str = "full"


@dataclass(kw_only=True)
class Outages(Storm):
    """A storm that strikes only the server; ``returns`` are the moments of its returns."""

    outage: Outage
    returns: list[int] = field(default_factory=list)

    def _strike(self, ended: int) -> None:
        if len(self.returns) < min((ended + 1) / self.plan.jobs, 1) * self.outage.times:
            self.outage.strike()
            self.returns.append(system_clock.steady())

    def _owes_blows(self) -> bool:
        return len(self.returns) < self.outage.times


def restart(
    place: Scratch, times: int = 10, jobs: int = 2_000, *, durability: str = "full", progress: Progress = silent
) -> Result:
    """Stop a server of the lab's own at once and start it again, ``times`` times under load.

    Control: with ``durability`` normal the last commits before each stop may be lost.
    """
    writes = {} if durability == "full" else {"wal_writer_delay": "10s"}  # the longest delay that the server allows
    with own_server(**HASTY, **writes) as server:

        def strike() -> None:
            server.end(signal.SIGQUIT)
            server.start()

        return _endure("restart", place._replace(url=server.url), Outage(strike, times, durability), jobs, progress)


def failover(place: Scratch, jobs: int = 1_000, *, synchronous: bool = True, progress: Progress = silent) -> Result:
    """Stop a server for good and promote its standby.

    Control: without ``synchronous`` no commit waits for the standby, which falls behind.
    """
    waits = {"synchronous_standby_names": STANDBY} if synchronous else {}
    with clusters(2, **HASTY) as (primary, standby):
        primary.create()
        primary.start()
        standby.follow(primary, STANDBY)
        standby.start()
        primary.set(**waits)

        def strike() -> None:
            if not synchronous:
                _hold_receiver(standby, FALL_BEHIND)
            primary.end(signal.SIGQUIT)
            standby.promote()

        url = f"postgresql+psycopg://postgres@/postgres?host={primary.folder},{standby.folder}"
        return _endure("failover", place._replace(url=url), Outage(strike), jobs, progress)


def _endure(name: str, place: Scratch, outage: Outage, jobs: int, progress: Progress) -> Result:
    plan, times = Plan(jobs=jobs, kills=0, stops=0), outage.times
    with Fleet(place, (), **QUICK, durability=outage.durability) as fleet:
        experiment_record.prepare(place, fleet.queue)
        storm = Outages(plan, place, fleet, outage=outage)
        result = story(storm, progress)
        waits = sorted(_waits(storm))
    p99 = waits[max(0, math.ceil(0.99 * len(waits)) - 1)] if waits else math.inf
    numbers = {**result.numbers, "times": times, "back_to_work_p99": p99}
    lost, twice, unfinished = (numbers[key] for key in ("lost", "accepted_twice", "not_final"))
    figure = (
        f"{name}: {times} times, {numbers['jobs']} jobs, {numbers['told']} acknowledged: {lost} lost, {twice} accepted "
        f"twice, {unfinished} not final; work goes on {p99:.1f} s (p99) after the server is back"
    )
    late = [Finding("back to work", None, f"p99 is {p99:.1f} s, more than {LIMIT:g} s")] if p99 > LIMIT else []
    return Result(figure, numbers, result.findings + late, result.smallest)


def _waits(storm: Outages) -> list[float]:
    """The seconds from each return of the server until a handler began."""
    began = sorted(entry.at for entry in entries(storm.fleet.ledger) if entry.phase == "begun")
    firsts = (next((at for at in began if at > back), None) for back in storm.returns)
    return [(first - back) / SECOND for first, back in zip(firsts, storm.returns, strict=True) if first is not None]


def _hold_receiver(standby: Cluster, seconds: float) -> None:
    """Stop the standby's receiver until acknowledged commits are missing on the standby."""
    (receiver,) = [
        child for child in psutil.Process(standby.pid).children() if "walreceiver" in " ".join(child.cmdline())
    ]
    os.kill(receiver.pid, signal.SIGSTOP)
    time.sleep(seconds)
    receiver.kill()
