"""The fork server of the lab: a process that has imported pqkit forks every other one.

In every other respect a fork is ``python -m MODULE ARGUMENTS…``. An import costs a second of work, which a storm of a
thousand kills cannot pay each time.
"""

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pqkit.process.linux import die_with_parent

PRELOADED = ("pqkit.cli.commands", "pqkit.worker", "pqkit.queries.audit_history")


class Nursery:
    """The lab's handle of the fork server.

    The server and its forks end with the lab's process.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,  # Ctrl+C is for the lab, which ends its own processes
        )

    def fork(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path
    ) -> int:
        """Start ``python -m MODULE ARGUMENTS…`` in that folder; return its pid.

        Its output is appended to ``log``.
        """
        order = {
            "argv": [module, *arguments],
            "environment": dict(environment),
            "log": str(log.absolute()),
            "folder": str(folder),
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(lab: int) -> None:
    """Fork for each request on standard input, until it is closed."""
    die_with_parent(signal.SIGKILL, lab)
    for name in PRELOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the dead
    nursery = os.getpid()
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            become(json.loads(line), nursery)
        print(pid, flush=True)


def become(order: dict[str, Any], nursery: int) -> None:
    """Turn this fork into the requested program; does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with_parent(signal.SIGTERM, nursery)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(source, target)
    sys.argv = order["argv"]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
