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
BATCH = 2  # so small that a worker can die between maintenance's batches


class Killed(BaseException):
    """The acting process has been killed; no handler may catch this."""


@dataclass(eq=False)
class Process:
    """A simulated process.

    ``start`` tells it apart from a later process with the same pid. Pids compare only within a ``space``.
    """

    name: str
    pid: int = 0
    start: int = 0
    space: str = "here"

    def die(self) -> None:
        """Forget the process's state in memory."""


@dataclass
class Machine(ABC):
    """A simulated machine: its clocks in microseconds, its processes and its files.

    ``elapsed`` is the monotonic clock, which stands still while the machine sleeps. The wall clock adds to it the
    ``slept`` time and the offset ``ahead``. ``files`` has the attempt that wrote each file.
    """

    elapsed: int = 1_000 * SECOND
    ahead: int = EPOCH
    slept: int = 0
    boot: int = 1
    actor: Process = field(default_factory=lambda: Process("nobody"))
    living: dict[int, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)

    wall_decides: ClassVar[bool]
    """True if due times and history come from the wall clock, which people set."""

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
        """End every process, and restart the monotonic clock."""
        self.boot += 1
        self.ahead += self.elapsed - SECOND
        self.elapsed = SECOND
        self.living.clear()

    def put_in_place(self, staged: str, target: str) -> None:
        if staged in self.files:
            self.files[target] = self.files.pop(staged)

    @contextmanager
    def instead(self) -> Iterator[None]:
        """Replace the real machine by this one for pqkit: only its processes exist.

        Tasks are known by name only.
        """
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
            patch.dict(tasks.registry, clear=True),  # a task of the simulation may share a name with the user's own
        ):
            yield


class LocalClocks(Machine):
    """The machine of a SQLite file: its own clocks decide."""

    wall_decides = True

    def now(self) -> int:
        return self.wall()

    def lease_clock(self) -> tuple[str, int]:
        return f"boot-{self.boot}", self.elapsed


@dataclass
class ServerClocks(Machine):
    """The workers' machine beside a database server, whose clock decides.

    The server's clock runs on while the workers' clock is set, sleeps or restarts.
    """

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
