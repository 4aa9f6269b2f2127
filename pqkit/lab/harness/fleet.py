"""Real processes that experiments kill: workers and producers on one queue.

They end with their ``with`` block.
"""

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import psutil

from pqkit.db import system_clock
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness.fork_server import Nursery
from pqkit.queries import workers
from pqkit.queue import Queue, get_queue

INSTRUMENTS = "pqkit.lab.harness.recording_plugin"
WORKLOADS = "pqkit.lab.harness.workloads"
LEDGER = "PQKIT_LAB_LEDGER"
START_SECONDS = 90.0
ENDING_SECONDS = 10.0


def carrying(name: str, value: str) -> list[psutil.Process]:
    """The living processes that were started with that environment variable.

    Processes that the fork server forked do not show it.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def left_behind(name: str, value: str) -> list[psutil.Process]:
    """The processes of ``carrying`` that still run ``ENDING_SECONDS`` after their parents."""
    with suppress(TimeoutError):
        wait_until(lambda: not carrying(name, value), ENDING_SECONDS)
    return carrying(name, value)


def variables(settings: Mapping[str, object]) -> dict[str, str]:
    """Settings by name as environment variables."""
    return {f"PQKIT_{name.upper()}": str(value) for name, value in settings.items()}


class Member:
    """One process of a fleet.

    Its start time tells it apart from a later process with the same pid.
    """

    def __init__(self, name: str, pid: int, log_file: Path) -> None:
        self.name, self.pid, self.log_file = name, pid, log_file
        self.frozen = False
        self._start = system_clock.process_start(pid)

    @property
    def alive(self) -> bool:
        return self._start is not None and system_clock.process_start(self.pid) == self._start

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the process with SIGKILL; return when it is gone."""
        self.signal(signal.SIGKILL)
        wait_until(lambda: not self.alive, what=f"the end of {self.name}")

    def freeze(self, queue: Queue) -> None:
        """Stop the process with SIGSTOP, but not inside a write to ``queue``, which would block all."""
        freeze(self.pid, queue)
        self.frozen = True

    def thaw(self) -> None:
        """Let the process continue."""
        self.frozen = False
        self.signal(signal.SIGCONT)


def freeze(pid: int, queue: Queue) -> None:
    """Stop a process with SIGSTOP; return when it has stopped or ended.

    On SQLite it is not stopped inside a write transaction.
    """
    with queue.database.write(), suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: _stands_still(pid), what=f"the stop of process {pid}")


def _stands_still(pid: int) -> bool:
    """True if all threads of a process have stopped or ended."""
    try:
        states = {stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")}
    except OSError:  # a thread has just ended
        return False
    return states <= {"T", "Z"}


class Fleet:
    """Workers and other processes on the queue of ``place``, all with the same ``settings``.

    ``settings`` are pqkit's own, by name. The workers know the lab's workloads and ``tasks``, and each run of a handler
    is in the ledger.
    """

    def __init__(self, place: Scratch, tasks: Sequence[str] = (), **settings: object) -> None:
        self.place, self.members = place, list[Member]()
        self.queue: Queue = get_queue(place.url)
        self.ledger = place.folder / "ledger"
        shared = {"url": place.url, "tasks": ",".join([WORKLOADS, *tasks, INSTRUMENTS]), **settings}
        self.environment = variables(shared) | {LEDGER: str(self.ledger)}
        self._nursery = Nursery()
        self.born = 0

    def worker(
        self,
        *options: str,
        fault: str = "",
        environment: Mapping[str, str] = MappingProxyType({}),
        **settings: object,
    ) -> Member:
        """Start ``pqkit worker``; ``fault`` names a built-in fault, such as ``after_claim:3``."""
        told = {**environment, **variables(settings), **({"PQKIT_LAB_FAULT": fault} if fault else {})}
        name = f"w{self.born}"
        return self.start(name, "pqkit", "worker", "--name", name, *options, environment=told)

    def start(
        self,
        name: str,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] = MappingProxyType({}),
        folder: Path | None = None,
    ) -> Member:
        """Start ``python -m MODULE ARGUMENTS…`` with the fleet's settings.

        It runs in the working folder or in ``folder``.
        """
        whole = {**os.environ, **self.environment, **environment}
        log = self.place.folder / f"{name}.log"
        member = Member(name, self._nursery.fork(module, arguments, whole, log, folder or Path.cwd()), log)
        self.members.append(member)
        self.born += 1
        return member

    def wait_ready(self, members: Sequence[Member]) -> None:
        """Wait until each of these workers is in the registry."""
        wanted = {member.pid for member in members}
        wait_until(
            lambda: wanted <= {worker.pid for worker in workers(self.queue.database)},
            START_SECONDS,
            "the start of the workers",
        )

    def bury(self) -> list[Member]:
        """Remove dead processes from the fleet and return them."""
        dead = [member for member in self.members if not member.alive]
        self.members = [member for member in self.members if member not in dead]
        return dead

    def stop(self, patience: float = 30) -> None:
        """Stop all processes gracefully, and kill those that still run after ``patience`` seconds."""
        for member in self.members:
            member.thaw()
            member.signal(signal.SIGTERM)
        with suppress(TimeoutError):
            wait_until(lambda: not any(member.alive for member in self.members), patience)
        self.kill()

    def kill(self) -> None:
        for member in self.members:
            member.kill()
        self.members.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._nursery.close()
        self.queue.close()
