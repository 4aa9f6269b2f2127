"""Kills in step with the work: workers die while they run jobs, and new ones replace them."""

import random
import time
from collections.abc import Callable

from pqkit.lab.experiments.crash import CALM, Calm
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.result import Progress
from pqkit.queries import workers

OFTEN = 0.05


class Deaths:
    """Starts ``workers``, each with ``fault`` built in, and kills ``kills`` of them one by one."""

    def __init__(self, fleet: Fleet, workers: int, kills: int, *, seed: int, fault: str = "") -> None:
        self._fleet, self._kills, self._fault = fleet, kills, fault
        self._dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.done = 0
        fleet.wait_ready([fleet.worker(fault=fault) for _ in range(workers)])

    def until(self, total: int, ended: Callable[[], int], progress: Progress) -> None:
        """Kill workers and wait until ``total`` jobs have ended.

        Raises TimeoutError when nothing changes for ``CALM`` seconds.
        """
        calm = Calm(CALM)
        while (now := ended()) < total:
            calm.check((now, self.done))
            progress(now / total, f"{now} jobs ended, {self.done} workers killed")
            for _ in self._fleet.bury():
                self._fleet.worker(fault=self._fault)
            if self.done < self._kills * (now + 1) / total:
                self._kill_a_busy_one()
            time.sleep(OFTEN)

    def _kill_a_busy_one(self) -> None:
        busy = {worker.pid for worker in workers(self._fleet.queue.database) if worker.running}
        victims = [member for member in self._fleet.members if member.pid in busy and member.alive]
        if victims:
            self._dice.choice(victims).kill()
            self.done += 1
