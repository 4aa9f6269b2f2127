"""The world of a simulation: one seed's random numbers, time and events."""

import random
from collections.abc import Callable
from typing import TypeVar

from pqkit.domain.durations import SECOND
from pqkit.lab.simulation.clocks import Killed, Process
from pqkit.lab.simulation.databases import SimulatedDatabase

T = TypeVar("T")
DEATH_IN_A_GAP = 0.015


class World:
    """One seed's random numbers, time and events; actors may die between two transactions."""

    def __init__(self, database: SimulatedDatabase, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.queue, self.database = database.begin_anew(), database
        self.machine = database.machine
        self.events: list[tuple[float, str]] = []
        self.calm = False
        self.lived = 0
        self.others_act: Callable[[], None] | None = None
        database.gap = self._gap

    def say(self, words: str) -> None:
        self.events.append((self.lived / SECOND, words))

    def pass_time(self, seconds: float) -> None:
        self.machine.elapsed += round(seconds * SECOND)
        self.lived += round(seconds * SECOND)

    def act(self, actor: Process, what: str, verb: Callable[[], T]) -> T | None:
        """Run ``verb`` and return its result; None if the acting process was killed in it."""
        before, self.machine.actor = self.machine.actor, actor
        try:
            return verb()
        except Killed:
            self.say(f"{actor.name} is killed in {what}")
            actor.die()
            self.machine.living.pop(actor.pid, None)
            return None
        finally:
            self.machine.actor = before

    def _gap(self, others_may_act: bool) -> None:
        others = self.others_act
        if self.calm or others is None:
            return
        if self.rng.random() < DEATH_IN_A_GAP:
            raise Killed
        if others_may_act:
            self.others_act = None  # these have no gaps of their own
            others()
            self.others_act = others
