"""The machine of a simulation: its clocks, its processes and its files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import ClassVar, TypeVar
from unittest.mock import patch

from pqkit.db import system_clock
from pqkit.domain import tasks
from pqkit.domain.durations import SECOND
from pqkit.leasing import worker_leases
from pqkit.maintenance import base, staged_files
from pqkit.process import orphans

T = TypeVar("T")
EPOCH = 1_700_000_000 * SECOND
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
class Machine(ABC):
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

    wall_decides: ClassVar[bool]
    """Whether due times and history come from the wall clock, which people set."""

    def wall(self) -> int:
        return self.elapsed + self.slept + self.ahead

    @abstractmethod
    def now(self) -> int:
        """The clock of due times and history."""

    @abstractmethod
    def lease_clock(self) -> tuple[str, int]:
        """The clock of leases."""

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
            patch.object(system_clock, "process_start", self.living.get),
            patch.object(system_clock, "pid_space", lambda: f"boot-{self.boot} {self.actor.space}"),
            patch.object(system_clock, "is_stopped", lambda _pid: False),
            patch.object(system_clock, "memory", lambda: 0),
            patch.object(orphans, "end", lambda *_, **__: []),
            patch.object(system_clock, "steady", lambda: self.elapsed),
            patch.object(staged_files, "put_in_place", self.put_in_place),
            patch.object(base, "BATCH", BATCH),
            patch.object(worker_leases, "os", SimpleNamespace(getpid=lambda: self.actor.pid)),
            patch.dict(tasks.registry, clear=True),  # the histories' tasks may share a name with the user's own
        ):
            yield


class LocalClocks(Machine):
    """The machine that a SQLite file is on: its own clocks decide."""

    wall_decides = True

    def now(self) -> int:
        return self.wall()

    def lease_clock(self) -> tuple[str, int]:
        return f"boot-{self.boot}", self.elapsed


@dataclass
class ServerClocks(Machine):
    """The workers' machine beside a server, whose clock goes on while theirs is set, sleeps or starts anew."""

    wall_decides = False
    before_boot: int = EPOCH

    def now(self) -> int:
        return self.before_boot + self.elapsed + self.slept

    def lease_clock(self) -> tuple[str, int]:
        return "server", self.now()

    def reboot(self) -> None:
        before = self.now()
        super().reboot()
        self.before_boot += before - self.now()
