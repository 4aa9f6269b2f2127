"""Real worker processes for tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pqkit.queries import workers
from pqkit.queue import Queue
from tests.support import PATIENCE, wait_until

REPO = Path(__file__).parent.parent


class Process:
    """A ``pqkit worker`` of a test, its output in a file."""

    def __init__(self, url: str, folder: Path, name: str, *options: str, **settings: str) -> None:
        self.name, self.log_file = name, folder / f"{name}.log"
        environment = {
            **os.environ,
            "PQKIT_URL": url,
            "PQKIT_TASKS": "tests.handlers",
            "PYTHONPATH": str(REPO),
            **{f"PQKIT_{key.upper()}": value for key, value in settings.items()},
        }
        with self.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pqkit", "worker", "--name", name, *options],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=output,
            )

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Fleet:
    """The workers of one test, ended with it."""

    def __init__(self, queue: Queue, url: str, folder: Path) -> None:
        self._queue, self._url, self._folder = queue, url, folder
        self.processes: list[Process] = []

    def start(self, name: str = "w1", *options: str, ready: bool = True, **settings: str) -> Process:
        """Start a worker; returns when it is in the registry."""
        process = Process(self._url, self._folder, name, *options, **settings)
        self.processes.append(process)
        if ready:
            wait_until(lambda: self.registered(name) or process.ended, what=f"{name} in the registry")
            assert not process.ended, process.log
        return process

    def registered(self, name: str) -> bool:
        return any(worker.name == name for worker in workers(self._queue.database))


@contextmanager
def fleet_of(queue: Queue, url: str, folder: Path) -> Iterator[Fleet]:
    fleet = Fleet(queue, url, folder)
    try:
        yield fleet
    finally:
        for process in fleet.processes:
            process.signal(signal.SIGCONT)
            process.kill()
