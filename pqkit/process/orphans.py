"""What a worker's handlers start, and what of it outlives the worker: marked, found again, ended. Linux only.

There are two marks, for each misses what the other finds. Every program that is started inherits a variable of the
environment, and /proc shows it. A fork that runs no other program shows the environment with which its worker was
started, which had no mark yet; but it holds the worker's open files, which a new program does not. (Process groups are
no mark: a worker shares its own with the pipe that it was started in, and a new session leaves it.)

A process belongs to the nearest worker above it: one that a handler has started is not a part of the handler's.
"""

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
    """A process that was ended, and its command line, shortened."""

    pid: int
    command: str


def in_words(ended: Iterable[Ended], most: int = 20) -> list[str]:
    """For a log: ``pid command`` of each, at most so many."""
    return [f"{pid} {command}" for pid, command in islice(ended, most)]


def mark(life: int) -> None:
    """From now on, whatever this process starts is marked as that life's. For a real worker process alone."""
    if sys.platform == "linux":
        os.environ[MARK] = str(life)
        with suppress(AttributeError):  # a libc from before 2018
            # Not os.memfd_create: portable builds of Python lack it. It is open until this process ends or becomes
            # another program.
            ctypes.CDLL(None).memfd_create(f"{_OPEN_FILE}{life}".encode(), _MFD_CLOEXEC)


def unmark() -> None:
    """Before this process becomes another program, which would carry the mark itself."""
    os.environ.pop(MARK, None)


def branch() -> str | None:
    """A mark for one child of a marked process: it is told from its siblings, and is still a part of the life."""
    own = os.environ.get(MARK)
    return f"{own}/{next(_numbers)}" if own else None


def refuse_more() -> None:
    """From now on no thread of this process can start another process: a handler that was given up runs on."""

    def refuse(event: str, _arguments: object) -> None:
        if event in _STARTS:
            raise RuntimeError("the worker has given this handler up")

    sys.addaudithook(refuse)


def end(marked: str, *, spare: int | None = None) -> list[Ended]:
    """Kill what carries the mark or a branch of it, and return when it is gone; not this process, nor ``spare``.

    Processes of other users and other pid spaces are left alone.
    """
    import psutil  # noqa: PLC0415 - it costs a worker 3 MB, and few workers leave anything

    ended: dict[psutil.Process, str] = {}
    for _ in range(_ROUNDS):  # what is killed may have forked meanwhile
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
            process = psutil.Process(pid)  # before its mark is read: should the pid change hands, kill() refuses
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
    """The newest, where one worker was forked from another."""
    found = None
    for descriptor in sorted(_PROC.joinpath(f"{pid}/fd").iterdir(), key=lambda path: int(path.name)):
        with suppress(OSError):  # closed since the listing
            name = descriptor.readlink().name
            if name.startswith(f"memfd:{_OPEN_FILE}"):
                found = name.removeprefix(f"memfd:{_OPEN_FILE}").split()[0]
    return found


def _await_end(processes: "dict[psutil.Process, str]") -> None:
    """Not by psutil's wait: it would reap a child of ours that somebody else waits for, and wait for zombies."""
    end = time.monotonic() + _PATIENCE
    while any(_alive(process) for process in processes) and time.monotonic() < end:
        time.sleep(0.005)


def _alive(process: "psutil.Process") -> bool:
    import psutil  # noqa: PLC0415 - see end

    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
