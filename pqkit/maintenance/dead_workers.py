"""Finds dead workers in the registry, and judges whether a death counts against their jobs."""

from collections.abc import Sequence
from typing import NamedTuple

from pqkit.db import system_clock
from pqkit.domain.durations import SECOND


class Living(NamedTuple):
    """A worker that has not ended, and the lease clock when its registry row was read.

    ``stopping_at`` is when the worker announced its stop. ``machine_at`` is its own machine's clock at the heartbeat,
    if another clock judges leases.
    """

    id: int
    name: str
    pid: int
    process_start: int
    pid_space: str
    boot_id: str
    beat: int
    stopping_at: int | None
    machine_at: int | None
    now: int


def is_machine_heard(worker: Living, living: Sequence[Living], silence: float) -> bool:
    """True if another worker of its machine sent a heartbeat well after its last one.

    The workers of a lost machine fall silent together.
    """
    if _is_here(worker):
        return True
    machine = system_clock.machine_of(worker.pid_space)
    others = [other for other in living if system_clock.machine_of(other.pid_space) == machine]
    return max(_after(worker, other) for other in others) > silence


def _after(worker: Living, other: Living) -> int:
    """Microseconds by which the other's heartbeat is later, without their machine's sleep."""
    if worker.machine_at is None or other.machine_at is None:
        return other.beat - worker.beat
    return other.machine_at - worker.machine_at


def judged(worker: Living, reason: str, boot: str, machine_is_heard: bool) -> tuple[str, bool]:
    """Return the full reason, and whether it excuses the jobs.

    Only a death that a job may have caused is evidence against it.
    """
    if worker.stopping_at is not None:
        return f"{reason}, after it was told to stop", True
    if worker.boot_id != boot:
        return reason, True
    if not machine_is_heard:
        return f"{reason}, and no other worker of its machine is heard", True
    if worker.pid_space == system_clock.pid_space() and system_clock.is_stopped(worker.pid):
        return f"{reason}, and its process was stopped by a signal", True
    return reason, False


def death(worker: Living, boot: str, stale_after: float | None, machine_now: int | None) -> str | None:
    """Explain why the worker counts as dead; None while it lives.

    ``machine_now`` is this machine's own clock, if another clock judges leases.
    """
    if worker.boot_id != boot:
        return "its machine was started anew"
    if worker.pid_space == system_clock.pid_space() and _is_gone(worker):
        return "its process is gone"
    silent = _silence(worker, machine_now) / SECOND
    if stale_after is not None and silent > stale_after:
        return f"no heartbeat for {silent:.0f} s"
    return None


def _silence(worker: Living, machine_now: int | None) -> int:
    """Microseconds since its last heartbeat.

    For a worker on this machine, the machine's sleep does not count: no worker sends heartbeats then.
    """
    silent = worker.now - worker.beat
    if machine_now is None or worker.machine_at is None or not _is_here(worker):
        return silent
    return min(silent, machine_now - worker.machine_at)


def _is_here(worker: Living) -> bool:
    return system_clock.machine_of(worker.pid_space) == system_clock.machine_of(system_clock.pid_space())


def _is_gone(worker: Living) -> bool:
    """True if its process is gone. Raises OSError if that cannot be checked (no free handle)."""
    try:
        return system_clock.process_start(worker.pid) != worker.process_start
    except PermissionError:  # that machine hides its processes
        return False
