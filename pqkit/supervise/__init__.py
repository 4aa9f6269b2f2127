"""Client of the private Supervisor of `pqkit up`: lists, starts and stops its processes."""

import socket
import time
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from xmlrpc.client import Error, Fault, ServerProxy, Transport

from pqkit.errors import NotFound, PqkitError, Refused
from pqkit.supervise.workspace import RUN, SOCKET, own_socket

RPC_SECONDS = 10.0
UP = {"starting", "running", "backoff"}
POOL = "worker"


class NoSupervisor(PqkitError):
    """No Supervisor answers in this folder."""


class Process(NamedTuple):
    """One process as Supervisor reports it.

    ``state`` is Supervisor's state in lower case (``running``, ``stopping``, ``fatal`` …), ``uptime`` is in seconds;
    if the process does not run, ``pid`` is None and ``uptime`` 0.
    """

    name: str
    group: str
    state: str
    pid: int | None
    uptime: float


class Supervisor:
    """The Supervisor behind a socket. Every method raises NoSupervisor when it is gone."""

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path

    @classmethod
    def connect(cls, socket_path: Path | None = None) -> "Supervisor":
        """Connect to the working folder's Supervisor, or the one behind ``socket_path``.

        Raises NoSupervisor when none answers.
        """
        path = socket_path or own_socket(RUN.absolute() / SOCKET)
        if path is None:
            raise NoSupervisor(f"{RUN / SOCKET} is a link that `pqkit up` has not made: remove it")
        found = cls(path)
        found.pid()
        return found

    def pid(self) -> int:
        return int(self._call("getPID"))

    def processes(self) -> list[Process]:
        """Every process that Supervisor knows, by name, including idle members of the pool."""
        return sorted(_process(info) for info in self._call("getAllProcessInfo"))

    def pool(self) -> list[Process]:
        """The members of the worker pool, by name."""
        return [process for process in self.processes() if process.group == POOL]

    def scale(self, count: int) -> tuple[list[str], list[str]]:
        """Start or stop workers until ``count`` of them run; return the names (started, stopped).

        The other workers keep running. A stopped worker drains first, so its process may stay for a while. Raises
        Refused if the pool is too small, or too many of its workers are still stopping.
        """
        pool = self.pool()
        if not 0 <= count <= len(pool):
            raise Refused(f"{count} workers cannot run: the pool holds 0 to {len(pool)} (setting PQKIT_MAX_WORKERS)")
        running = [process for process in pool if process.state in UP]
        free = [process for process in pool if process.state not in UP | {"stopping"}]
        missing = count - len(running)
        if missing > len(free):
            raise Refused(f"{missing - len(free)} workers are still stopping: try again when they have drained")
        started = self._each("startProcess", free[: max(missing, 0)])
        stopped = self._each("stopProcess", running[count:])
        return started, stopped

    def start(self, name: str) -> None:
        """Start one process; raises Refused if it is running."""
        self._call("startProcess", self._full(name), False)

    def stop(self, name: str) -> None:
        """Tell one process to stop: a worker drains first. Raises Refused if it is not running."""
        self._call("stopProcess", self._full(name), False)

    def stop_all(self) -> None:
        """Tell every process to stop."""
        self._call("stopAllProcesses", False)

    def restart(self, name: str) -> None:
        """Stop one process, wait until it has drained, then start it again."""
        if self._find(name).state in UP:
            self.stop(name)
        while self._find(name).state == "stopping":
            time.sleep(0.1)
        self.start(name)

    def shutdown(self) -> None:
        """Shut down Supervisor itself, which first stops all running processes."""
        self._call("shutdown")

    def _each(self, method: str, processes: Iterable[Process]) -> list[str]:
        names = []
        for process in processes:
            self._call(method, f"{process.group}:{process.name}", False)
            names.append(process.name)
        return names

    def _full(self, name: str) -> str:
        found = self._find(name)
        return f"{found.group}:{found.name}"

    def _find(self, name: str) -> Process:
        processes = self.processes()
        for process in processes:
            if name in {process.name, f"{process.group}:{process.name}"}:
                return process
        known = ", ".join(process.name for process in processes)
        raise NotFound(f"Supervisor has no process {name!r}; it has {known}")

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            with ServerProxy("http://localhost", transport=_UnixTransport(self._path)) as server:
                return getattr(server.supervisor, method)(*arguments)
        except Fault as fault:
            raise Refused(f"Supervisor refuses: {fault.faultString}") from None
        except (OSError, HTTPException, Error) as error:
            raise NoSupervisor(f"no `pqkit up` runs in this folder ({self._path}: {error})") from None


def _process(info: dict[str, Any]) -> Process:
    pid = info["pid"] or None
    uptime = float(info["now"] - info["start"]) if pid else 0.0
    return Process(info["name"], info["group"], info["statename"].lower(), pid, uptime)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=RPC_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(RPC_SECONDS)
        self.sock.connect(str(self._path))


class _UnixTransport(Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = host, connection  # what Transport.close() closes
        return connection
