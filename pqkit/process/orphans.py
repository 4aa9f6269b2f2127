"""Marks processes that a worker's handlers start, and kills those that outlive it (Linux)."""

import ctypes
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import psutil

MARK = "PQKIT_WORKER"
_OPEN_FILE = "pqkit-worker-"
_MFD_CLOEXEC = 1
_PROC = Path("/proc")
_STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}
_ROUNDS = 10
_PATIENCE = 5.0
_numbers = count(1)


class Ended(NamedTuple):
    """A killed process and its shortened command line."""

    pid: int
    command: str


def in_words(ended: Iterable[Ended], most: int = 20) -> list[str]:
    """For a log: ``pid command`` of each, at most ``most`` of them."""
    return [f"{pid} {command}" for pid, command in islice(ended, most)]


def mark(life: int) -> None:
    """Mark every process that this process starts from now on as part of the worker's life.

    Only for a real worker process.
    """
    if sys.platform == "linux":
        os.environ[MARK] = str(life)
        with suppress(AttributeError):  # libc from before 2018
            # Not os.memfd_create: portable builds of Python lack it. It is open until this process ends or becomes
            # another program.
            ctypes.CDLL(None).memfd_create(f"{_OPEN_FILE}{life}".encode(), _MFD_CLOEXEC)


def unmark() -> None:
    """Remove the mark before this process becomes another program, which would inherit it."""
    os.environ.pop(MARK, None)


def branch() -> str | None:
    """A mark for one child of a marked process, unique among its siblings and still in the life."""
    own = os.environ.get(MARK)
    return f"{own}/{next(_numbers)}" if own else None


def refuse_more() -> None:
    """Prevent all threads of this process from starting processes.

    A handler that was given up keeps running.
    """

    def refuse(event: str, _arguments: object) -> None:
        if event in _STARTS:
            raise RuntimeError("the worker has given this handler up")

    sys.addaudithook(refuse)


def end(marked: str, *, spare: int | None = None) -> list[Ended]:
    """Kill all processes with the mark or a branch of it, and return when they are gone.

    Spares this process and ``spare``, and processes of other users and other PID namespaces.
    """
    import psutil  # noqa: PLC0415 - it costs a worker 3 MB, and few workers leave anything

    ended: dict[psutil.Process, str] = {}
    for _ in range(_ROUNDS):  # a process may have forked before it was killed
        found = [process for process in _marked(marked, {os.getpid(), spare}) if process not in ended]
        if not found:
            break
        for process in found:
            with suppress(psutil.Error):
                ended[process] = " ".join(process.cmdline())[:120]
                process.kill()
    _await_end(ended)
    return [Ended(process.pid, command) for process, command in ended.items()]


def _marked(marked: str, spared: set[int | None]) -> "Iterator[psutil.Process]":
    import psutil  # noqa: PLC0415 - see end

    if sys.platform != "linux":
        return
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            process = psutil.Process(pid)  # created before the mark is read: if the pid is reused, kill() refuses
            if pid not in spared and _belongs(pid, marked) and process.uids().real == os.getuid():
                yield process


def _belongs(pid: int, marked: str) -> bool:
    found = _mark_in_open_files(pid) or _mark_in_environment(pid)
    return f"{found}/".startswith(f"{marked}/") and _pid_space(pid) == _pid_space("self")


def _pid_space(pid: int | str) -> Path:
    return _PROC.joinpath(f"{pid}/ns/pid").readlink()


def _mark_in_environment(pid: int) -> str | None:
    start = f"{MARK}=".encode()
    lines = _PROC.joinpath(f"{pid}/environ").read_bytes().split(b"\0")
    return next((line.removeprefix(start).decode() for line in lines if line.startswith(start)), None)


def _mark_in_open_files(pid: int) -> str | None:
    """The newest mark, if one worker was forked from another."""
    found = None
    for descriptor in sorted(_PROC.joinpath(f"{pid}/fd").iterdir(), key=lambda path: int(path.name)):
        with suppress(OSError):  # closed since the listing
            name = descriptor.readlink().name
            if name.startswith(f"memfd:{_OPEN_FILE}"):
                found = name.removeprefix(f"memfd:{_OPEN_FILE}").split()[0]
    return found


def _await_end(processes: "dict[psutil.Process, str]") -> None:
    """Wait at most ``_PATIENCE`` seconds for the processes to end; a zombie counts as ended.

    psutil's wait would reap a child that other code waits for, and would wait for zombies.
    """
    end = time.monotonic() + _PATIENCE
    while any(_alive(process) for process in processes) and time.monotonic() < end:
        time.sleep(0.005)


def _alive(process: "psutil.Process") -> bool:
    import psutil  # noqa: PLC0415 - see end

    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
