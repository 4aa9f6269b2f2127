"""What the simulation asks of a database beside what everybody asks of it."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from pqkit.db import Database, Transaction
from pqkit.lab.simulation.clocks import LocalClocks, Machine
from pqkit.queue import Queue


class SimulatedDatabase(Database):
    """``gap`` is called between transactions, where a process may die."""

    new_machine: ClassVar[type[Machine]] = LocalClocks
    machine: Machine
    gap: Callable[[bool], None]

    def begin_anew(self) -> Queue:
        """Empty every table; a new machine, and a queue that knows nothing of the seed before."""
        self.machine, self.gap = self.new_machine(), _nothing
        self.empty()
        return Queue(self)

    def now(self) -> int:
        return self.machine.now()

    def lease_clock(self) -> tuple[str, int]:
        return self.machine.lease_clock()

    # By transactions, which have gaps around them, whatever the database itself saves.
    places_alone = False
    lease_moment, place_job, write_one = Database.lease_moment, Database.place_job, Database.write_one

    @abstractmethod
    def empty(self) -> None:
        """Delete every row of every table, and of the table of effects; jobs are counted from 1 again."""

    @abstractmethod
    def ask(self, text: str, *values: object) -> list[Any]:
        """The rows of a question of the witness, with ``?`` for each value."""


class Gapped(Transaction):
    """Knows the gap between transactions, for the mutants that split one in two. ``begin`` is how one begins."""

    __slots__ = ()
    begin: ClassVar[str]
    gap: Callable[[bool], None]

    def begin_another(self) -> None:
        """End the open transaction and begin the next, with a gap between them in which the process may die."""
        self.cursor.execute("COMMIT")
        self.gap(False)
        self.cursor.execute(self.begin)

    def undo(self) -> None:
        """Begin as if nothing had been written."""
        self.cursor.execute("ROLLBACK")
        self.cursor.execute(self.begin)


def begin_another(tx: Transaction) -> None:
    """The same, for whoever was handed a transaction of a simulation."""
    assert isinstance(tx, Gapped)
    tx.begin_another()


def _nothing(_others_may_act: bool) -> None:
    """A gap in which nothing happens."""
