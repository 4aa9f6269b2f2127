"""Helpers of notebooks: a scratch database, tasks, real workers, waiting with a deadline."""

import atexit
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self, TypeVar

from pqkit.db.scratch_queue import Scratch, scratch
from pqkit.errors import NotFound
from pqkit.notebook.paths import kit_folder
from pqkit.worker.task_import import import_from

__all__ = ["Scratch", "WorkerProcess", "load_tasks", "scratch", "start_worker", "wait_until"]

T = TypeVar("T")
GRACE = 60.0


def load_tasks(name: str) -> ModuleType:
    """Import a module of tasks from the working folder, its ``notebooks``, or the kit's.

    Raises NotFound if no folder has it.
    """
    for folder in (Path.cwd(), kit_folder()):
        if (folder / f"{name}.py").is_file():
            return import_from(str(folder), name)
    raise NotFound(f"no {name}.py in {Path.cwd()} or {kit_folder()}")


class WorkerProcess:
    """A real ``pqkit worker``.

    ``stop()``, the end of its ``with`` block, or the end of this process stops it.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process, self.log = process, log

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> int:
        """Stop the worker gracefully and return its exit code; 0 after a graceful stop.

        A worker that does not end within ``GRACE`` seconds is killed.
        """
        self.process.terminate()
        try:
            return self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_worker(here: Scratch, tasks: ModuleType, *, slots: int = 4, name: str = "lab") -> WorkerProcess:
    """Start a worker process for the tasks of a module; its output goes to the scratch folder."""
    if tasks.__file__ is None:
        raise NotFound(f"{tasks.__name__} has no file that a worker could import")
    folder = Path(tasks.__file__).parents[tasks.__name__.count(".")]
    log = here.folder / f"{name}.log"
    command = ["worker", "--tasks", tasks.__name__, "--slots", str(slots), "--name", name]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pqkit.lab.harness.attached_command", str(os.getpid()), *command],
            env={**os.environ, "PQKIT_URL": here.url},
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    worker = WorkerProcess(process, log)
    atexit.register(worker.stop)
    return worker


def wait_until(condition: Callable[[], T], timeout: float = 60, what: str = "the condition") -> T:
    """Poll until ``condition()`` is true and return its value.

    After ``timeout`` seconds it raises TimeoutError, which names ``what``.
    """
    end = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come true within {timeout:g} s")
        time.sleep(0.05)
    return found
