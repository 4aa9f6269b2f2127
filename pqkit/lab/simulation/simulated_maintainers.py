"""Maintenance in rotation: the maintainers of real workers, one of which cannot rescue."""

from collections.abc import Iterator
from typing import NoReturn

from pqkit.domain.durations import SECOND
from pqkit.lab.simulation.machine import World
from pqkit.lab.simulation.oracle import STALE_AFTER
from pqkit.lab.simulation.workers import Crew
from pqkit.maintenance.duties import Aside
from pqkit.maintenance.leader import DUTY_SECONDS
from pqkit.maintenance.runner import Maintainer
from pqkit.queue import Upkeep
from pqkit.settings import Settings

STEP = 0.8 * DUTY_SECONDS
STEPS = round(STALE_AFTER / STEP) + 3  # so that silence counts, although the time before the steps passes at once


class Rota:
    """The maintainers of all simulated workers. The first worker is crippled in each life."""

    def __init__(self, world: World, crew: Crew) -> None:
        self._world, self._crew = world, crew
        self._maintainers: dict[int, SimulatedMaintainer] = {}

    def tick(self) -> None:
        """Run one tick of every worker's maintainer, the crippled worker's first."""
        for number, worker in enumerate(self._crew.workers):
            if worker.leases is None:
                continue
            life = worker.leases.id
            if life not in self._maintainers:
                self._maintainers[life] = SimulatedMaintainer(self._world, worker.name, life, crippled=number == 0)
            self._world.act(worker, "maintenance", self._maintainers[life].tick_now)


class SimulatedMaintainer(Maintainer):
    """The maintainer of one worker, with its vital duties only; it logs to the world's events."""

    def __init__(self, world: World, name: str, worker_id: int, *, crippled: bool) -> None:
        settings = Settings.model_construct(rescue_after=STALE_AFTER)
        super().__init__(world.database, worker_id, settings)
        self._world, self._worker_name = world, name
        self._log = self._watched._log = _Said(world, name)  # type: ignore[assignment] # noqa: SLF001
        self._duties = [duty for duty in self._duties if duty.vital]
        if crippled:
            self._upkeep = CrippledUpkeep(world.database)

    def _make_asides(self, _database: object) -> Iterator[Aside]:
        """Make none: they are threads."""
        return iter(())

    def tick_now(self) -> None:
        self.tick(self._world.machine.elapsed / SECOND)


class CrippledUpkeep(Upkeep):
    """Its search for dead workers fails, and everything else works."""

    def rescue(self, _stale_after: float | None) -> NoReturn:
        raise MemoryError("no memory")


class _Said:
    """A log whose lines are the world's events."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self.info = self.warning = self.error = self.debug = self._say

    def _say(self, words: str, **what: object) -> None:
        self._world.say(f"{self._name}: {words} {what}")
