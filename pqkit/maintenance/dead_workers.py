"""Who is dead among the workers of the registry, and whether the death is evidence against their jobs."""

from collections.abc import Sequence
from typing import NamedTuple

from pqkit.db import system_clock
from pqkit.domain.durations import SECOND


class Living(NamedTuple):
    """A registry row of a worker that has not ended, as the look for the dead reads it, and the lease clock then.

    ``stopping_at`` is when the worker announced its stop, ``machine_at`` what its machine's own clock said at the beat,
    where leases are judged by another one.
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
    """Whether another worker of its machine beat well after it; the workers of a lost machine fall silent together."""
    if _is_here(worker):
        return True
    machine = system_clock.machine_of(worker.pid_space)
    others = [other for other in living if system_clock.machine_of(other.pid_space) == machine]
    return max(_after(worker, other) for other in others) > silence


def _after(worker: Living, other: Living) -> int:
    """By how much the other beat later, without a sleep of their machine."""
    if worker.machine_at is None or other.machine_at is None:
        return other.beat - worker.beat
    return other.machine_at - worker.machine_at


def judged(worker: Living, reason: str, boot: str, machine_is_heard: bool) -> tuple[str, bool]:
    """The reason in full, and whether it excuses the jobs: only what a job may have done is evidence against it."""
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
    """Why the worker counts as dead, None while it lives. ``machine_now`` is this machine's own clock, where leases are
    judged by another one."""
    if worker.boot_id != boot:
        return "its machine was started anew"
    if worker.pid_space == system_clock.pid_space() and _is_gone(worker):
        return "its process is gone"
    silent = _silence(worker, machine_now) / SECOND
    if stale_after is not None and silent > stale_after:
        return f"no heartbeat for {silent:.0f} s"
    return None


def _silence(worker: Living, machine_now: int | None) -> int:
    """Microseconds since its last beat, without a sleep of this machine where it is on the same: nobody beats then."""
    silent = worker.now - worker.beat
    if machine_now is None or worker.machine_at is None or not _is_here(worker):
        return silent
    return min(silent, machine_now - worker.machine_at)


def _is_here(worker: Living) -> bool:
    return system_clock.machine_of(worker.pid_space) == system_clock.machine_of(system_clock.pid_space())


def _is_gone(worker: Living) -> bool:
    """Raises OSError where this process cannot look, as one that may open no more files."""
    try:
        return system_clock.process_start(worker.pid) != worker.process_start
    except PermissionError:  # that machine hides it
        return False
