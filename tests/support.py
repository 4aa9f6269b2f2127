"""What tests share: waiting for what must come, ports that are free, processes that live."""

import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

from pqkit.db import system_clock

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


def lives(pid: int) -> bool:
    """Whether that process is there, and not dead and only not yet buried by its parent."""
    return system_clock.process_start(pid) is not None
