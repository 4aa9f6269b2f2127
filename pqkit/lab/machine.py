"""The machine of a simulation: its clocks, its processes, and a database that asks them instead of the real ones."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

from pqkit import offspring, tasks
from pqkit.db import clock, schema
from pqkit.db.sqlite import SqliteDatabase
from pqkit.db.transaction import SqliteTransaction
from pqkit.db.write import Write
from pqkit.models import metadata
from pqkit.queue import Queue, leases, upkeep

if TYPE_CHECKING:
    from sqlmodel import Session

T = TypeVar("T")
SECOND = 1_000_000
EPOCH = 1_700_000_000 * SECOND
DEATH_IN_A_GAP = 0.015
BATCH = 2  # so that what maintenance does in batches has gaps to die in


class Killed(BaseException):
    """The process that acts now has been killed; no handler may catch it."""


@dataclass(eq=False)
class Process:
    """A simulated process: ``start`` tells it from a later one with its pid, ``space`` is where pids compare."""

    name: str
    pid: int = 0
    start: int = 0
    space: str = "here"

    def die(self) -> None:
        """Forget what a process has only in its memory."""


@dataclass
class Machine:
    """``elapsed`` is the clock that nobody sets and that stands still while the machine sleeps (microseconds); the wall
    clock adds to it what was ``slept`` and what it is ``ahead``. ``files`` says which attempt wrote what stands there.
    """

    elapsed: int = 1_000 * SECOND
    ahead: int = EPOCH
    slept: int = 0
    boot: int = 1
    actor: Process = field(default_factory=lambda: Process("nobody"))
    living: dict[int, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)

    def wall(self) -> int:
        return self.elapsed + self.slept + self.ahead

    def lease_clock(self) -> tuple[str, int]:
        return f"boot-{self.boot}", self.elapsed

    def born(self, process: Process, pid: int) -> None:
        process.pid, process.start = pid, self.elapsed
        self.living[pid] = self.elapsed

    def reboot(self) -> None:
        """Every process ends, and the clock that nobody sets begins anew."""
        self.boot += 1
        self.ahead += self.elapsed - SECOND
        self.elapsed = SECOND
        self.living.clear()

    def put_in_place(self, staged: str, target: str) -> None:
        if staged in self.files:
            self.files[target] = self.files.pop(staged)

    @contextmanager
    def instead(self) -> Iterator[None]:
        """While this lasts, pqkit sees this machine's processes and no others, and no task but by name."""
        with (
            patch.object(clock, "process_start", self.living.get),
            patch.object(clock, "pid_space", lambda: self.actor.space),
            patch.object(clock, "memory", lambda: 0),
            patch.object(offspring, "end", lambda *_, **__: []),
            patch.object(upkeep, "put_in_place", self.put_in_place),
            patch.object(upkeep, "BATCH", BATCH),
            patch.object(leases, "os", SimpleNamespace(getpid=lambda: self.actor.pid)),
            patch.dict(tasks.registry, clear=True),  # the histories' tasks may share a name with the user's own
        ):
            yield


class SimulatedDatabase(SqliteDatabase):
    """A real database on a simulated machine. ``gap`` is called between transactions, where a process may die."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "normal")
        schema.ensure(self)
        self.machine = Machine()
        self.gap: Callable[[bool], None] = _nothing
        connection = self.connection()
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("CREATE TABLE effect (job_id INTEGER, attempt INTEGER)")

    def begin_anew(self, machine: Machine) -> Queue:
        """Empty every table; a queue that knows nothing of the seed before."""
        self.machine = machine
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        for name in [*(table.name for table in reversed(metadata.sorted_tables)), "effect", "sqlite_sequence"]:
            connection.execute(f"DELETE FROM {name}")  # noqa: S608 - names of our own tables
        connection.execute("COMMIT")
        return Queue(self)

    def now(self) -> int:
        return self.machine.wall()

    def lease_clock(self) -> tuple[str, int]:
        return self.machine.lease_clock()

    def write(self) -> Write:
        return _WriteWithGaps(self)

    def join(self, session: "Session") -> SqliteTransaction:
        return GappedTransaction(super().join(session).cursor, self.gap)


class GappedTransaction(SqliteTransaction):
    """Knows the gap between transactions, for the mutants that split one in two."""

    __slots__ = ("_gap",)

    def __init__(self, cursor: Any, gap: Callable[[bool], None]) -> None:
        super().__init__(cursor)
        self._gap = gap

    def begin_another(self) -> None:
        """End the open transaction and begin the next, with a gap between them in which the process may die."""
        self.cursor.execute("COMMIT")
        self._gap(False)
        self.cursor.execute("BEGIN IMMEDIATE")


class _WriteWithGaps(Write):
    """Others may act before a transaction begins; its process may die before it and right after it."""

    __slots__ = ("_gap",)

    def __init__(self, database: SimulatedDatabase) -> None:
        super().__init__(database)
        self._gap = database.gap

    def __enter__(self) -> SqliteTransaction:
        self._gap(True)
        return GappedTransaction(super().__enter__().cursor, self._gap)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            self._gap(False)


def _nothing(_others_may_act: bool) -> None:
    """A gap in which nothing happens."""


class World:
    """One seed's chance, time and record; who acts in it may be killed between two transactions."""

    def __init__(self, database: SimulatedDatabase, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.machine, self.database = Machine(), database
        self.queue = database.begin_anew(self.machine)
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
        """What ``verb`` returned; None when the acting process was killed in it."""
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
            self.others_act = None  # they have no gaps of their own
            others()
            self.others_act = others
