"""Papermill engine for jobs: a cell reports progress, times out and can be interrupted.

A kernel that dies raises an error at once. This module is imported only where a notebook runs.
"""

import logging
import re
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines

from pqkit.domain.outcomes import Stopped
from pqkit.errors import PqkitError

NAME = "pqkit"
LOOK_EVERY = 0.2
INTERRUPT_SECONDS = 5.0
START_SECONDS = 120
Watch = Callable[[float, str], None]


class NotebookFailed(PqkitError):
    """A cell failed, took too long, or its kernel died."""


class Client(PapermillNotebookClient):  # type: ignore[misc] # papermill has no types
    """Notebook client that calls ``watch`` for each code cell and interrupts on ``stop()``.

    The kernel uses sockets in the folder ``sockets``: over TCP any process that connects could read all output.
    """

    def __init__(self, *args: Any, watch: Watch, stop: Callable[[], bool], sockets: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._watch, self._stop, self._sockets = watch, stop, sockets
        own = [index for index, cell in enumerate(self.nb.cells) if cell.cell_type == "code" and not _injected(cell)]
        self._numbers = {index: number for number, index in enumerate(own, 1)}

    def create_kernel_manager(self) -> Any:
        """Make nbclient's kernel manager use sockets that only this user can reach."""
        manager = super().create_kernel_manager()
        if hasattr(socket, "AF_UNIX"):
            manager.transport, manager.ip = "ipc", f"{self._sockets}/kernel"
        return manager

    def execute_cell(self, cell: Any, cell_index: int, **options: Any) -> Any:
        """Run one cell. Raises Stopped when the run should end, NotebookFailed without an answer."""
        if cell_index not in self._numbers:
            return super().execute_cell(cell, cell_index, **options)
        name = self._name(cell, cell_index)
        self._watch((self._numbers[cell_index] - 1) / len(self._numbers), name)
        try:
            with self._interrupted_by_wish():
                return super().execute_cell(cell, cell_index, **options)
        except CellTimeoutError:
            words = f"it ran past its deadline of {self.timeout_func(cell):g} s"
        except DeadKernelError:
            words = "the kernel died (kernel.log has its last words)"
        if self._stop():
            raise Stopped("the run was asked to stop")
        failure = NotebookFailed(words)
        cell.outputs.append(nbformat.v4.new_output("error", ename="NotebookFailed", evalue=words, traceback=[words]))
        raise failure

    def _name(self, cell: Any, index: int) -> str:
        first = next((line.strip() for line in cell.source.splitlines() if line.strip()), "")
        words = cell.id if re.search("[g-z]", cell.get("id", "")) else first[:60]  # Jupyter's own ids say nothing
        return f"cell {self._numbers[index]} of {len(self._numbers)} ({words})"

    @contextmanager
    def _interrupted_by_wish(self) -> Iterator[None]:
        over = threading.Event()

        def look() -> None:
            while not over.wait(LOOK_EVERY):
                if self._stop():
                    self.km.provisioner.process.send_signal(signal.SIGINT)
                    if not over.wait(INTERRUPT_SECONDS):
                        self.km.provisioner.process.kill()
                    return

        if self._stop():
            raise Stopped("the run was asked to stop")
        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


def _reaching(folder: Path) -> str:
    """A kernel argument that puts a folder last on the module path, so it shadows no library."""
    line = (
        f"import os, sys; sys.path.append({str(folder)!r}); "
        f"os.environ['PYTHONPATH'] = os.pathsep.join([{str(folder)!r}, *filter(None, [os.environ.get('PYTHONPATH')])])"
    )
    return f"--IPKernelApp.exec_lines={line}"


def _injected(cell: Any) -> bool:
    """True for the cell that papermill inserts for the parameters."""
    return "injected-parameters" in cell.metadata.get("tags", ())


class QueueEngine(Engine):  # type: ignore[misc] # see Client
    """The papermill engine named ``pqkit`` (``engine_name="pqkit"``)."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        watch: Watch,
        stop: Callable[[], bool],
        cell_timeout: float | None,
        kernel: dict[str, Any],
        project: Path,
        **_: Any,
    ) -> Any:
        """Run the notebook in a kernel with the options ``kernel`` and the modules of ``project``."""
        limits = {"timeout_func": lambda _cell: cell_timeout, "startup_timeout": START_SECONDS}
        with tempfile.TemporaryDirectory(prefix="pqkit-") as sockets:  # short: a socket path has at most 107 characters
            own = Client(nb_man, watch=watch, stop=stop, sockets=sockets, kernel_name=kernel_name, **limits)
            own.extra_arguments = [_reaching(project)]
            return own.execute(**kernel)


# An abandoned kernel leaves asyncio tasks behind; how they end does not matter.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)
logging.getLogger("papermill").setLevel(logging.ERROR)
papermill_engines.register(NAME, QueueEngine)
