"""The simulation's extensions of the database interface."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from pqkit.db import Database, Transaction
from pqkit.lab.simulation.clocks import LocalClocks, Machine
from pqkit.queue import Queue


class SimulatedDatabase(Database):
    """A database that calls ``gap`` between transactions, where a process may die."""

    new_machine: ClassVar[type[Machine]] = LocalClocks
    machine: Machine
    gap: Callable[[bool], None]

    def begin_anew(self) -> Queue:
        """Empty every table; return a new machine's queue that knows nothing of earlier seeds."""
        self.machine, self.gap = self.new_machine(), _nothing
        self.empty()
        return Queue(self)

    def now(self) -> int:
        return self.machine.now()

    def lease_clock(self) -> tuple[str, int]:
        return self.machine.lease_clock()

    # By transactions, with gaps around them, whatever shortcut the database has.
    places_alone = False
    lease_moment, place_job, write_one = Database.lease_moment, Database.place_job, Database.write_one

    @abstractmethod
    def empty(self) -> None:
        """Delete every row of every table and of the table of effects; job ids restart at 1."""

    @abstractmethod
    def ask(self, text: str, *values: object) -> list[Any]:
        """Run a query of the witness, with ``?`` for each value, and return its rows."""


class Gapped(Transaction):
    """A transaction with a gap, for the mutants that split one in two.

    ``begin`` is the statement that begins a transaction.
    """

    __slots__ = ()
    begin: ClassVar[str]
    gap: Callable[[bool], None]

    def begin_another(self) -> None:
        """Commit the open transaction and begin the next; the process may die in the gap between."""
        self.cursor.execute("COMMIT")
        self.gap(False)
        self.cursor.execute(self.begin)

    def undo(self) -> None:
        """Roll back and begin again."""
        self.cursor.execute("ROLLBACK")
        self.cursor.execute(self.begin)


def begin_another(tx: Transaction) -> None:
    """Split a simulation's transaction as ``Gapped.begin_another`` does."""
    assert isinstance(tx, Gapped)
    tx.begin_another()


def _nothing(_others_may_act: bool) -> None:
    """A gap without events."""
