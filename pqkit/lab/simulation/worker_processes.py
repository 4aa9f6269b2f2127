"""The simulated worker processes, as their crew knows them."""

from dataclasses import dataclass, field
from typing import NamedTuple

from pqkit.domain.outcomes import Claim
from pqkit.lab.simulation.clocks import Process
from pqkit.queue import Finished, Leases

SLOTS = 3


class Running(NamedTuple):
    """A claim under way, and when its handler will be done."""

    claim: Claim
    until: int


@dataclass(eq=False)
class Worker(Process):
    """A worker process; ``leases`` is its present life, None while it is down."""

    leases: Leases | None = None
    frozen: bool = False
    beat: int = 0
    running: list[Running] = field(default_factory=list)
    ended: list[Finished] = field(default_factory=list)
    renames: list[tuple[int, str, str]] = field(default_factory=list)
    canceled: frozenset[int] = frozenset()

    @property
    def up(self) -> Leases | None:
        return None if self.frozen else self.leases

    def die(self) -> None:
        self.leases, self.running, self.ended, self.renames = None, [], [], []
