"""What tests share: waiting for what must come, ports that are free, processes that live or are frozen."""

import os
import random
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pqkit.db import clock
from pqkit.queue import Queue

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds to wait at most for anything. No test that passes waits so long, on however slow a machine."""

# Below the ports that the system gives to outgoing connections, which may take one between its choice and its use.
_ports = iter(random.Random().sample(range(20_000, 32_000), 12_000))


def wait_until(condition: Callable[[], T], timeout: float = PATIENCE, what: str = "the condition") -> T:
    """Ask until ``condition()`` is true and return its value; fail with ``what`` after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not come true within {timeout} s"
        time.sleep(0.02)
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on; each is given out once."""
    return next(port for port in _ports if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def freeze(pid: int, queue: Queue) -> None:
    """SIGSTOP, but not inside a write transaction, in which it would hold up everybody on the queue."""
    with queue.database.write():
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: _is_stopped(pid), what=f"the stop of process {pid}")


def _is_stopped(pid: int) -> bool:
    """With all of its threads."""
    try:
        states = {stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")}
    except OSError:  # a thread has just ended
        return False
    return states == {"T"}


def lives(pid: int) -> bool:
    """Whether that process is there, and not dead and only not yet buried by its parent."""
    return clock.process_start(pid) is not None
