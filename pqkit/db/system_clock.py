"""Clocks of this machine, by which leases are judged, and the identities of its processes."""

import os
import time
from functools import cache
from pathlib import Path


def wall() -> int:
    """Microseconds since 1970 UTC, for due times and for people; never for leases."""
    return time.time_ns() // 1000


def kernel_wall() -> int | None:
    """The wall clock as the kernel's files tell it, to about a second; None without such files.

    Tools that fake the results of this process's clock calls do not change it.
    """
    try:
        begun = Path("/proc/stat").read_text().partition("\nbtime ")[2].split(maxsplit=1)[0]
        awake = Path("/proc/uptime").read_text().split()[0]
        return int(begun) * 1_000_000 + round(float(awake) * 1_000_000)
    except (OSError, ValueError, IndexError):
        return None


def steady() -> int:
    """Microseconds that this machine was awake since boot; the same clock for all processes.

    It cannot be set. It stands still during a suspend, as heartbeats do, so a machine that resumes finds its workers
    alive.
    """
    return time.monotonic_ns() // 1000


@cache
def boot_id() -> str:
    """This boot of this machine. A lease from another boot is certainly over."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import psutil  # noqa: PLC0415 - only where there is no /proc

        return f"boot-{int(psutil.boot_time())}"


def machine_of(space: str) -> str:
    """The boot id of the machine that has this pid space."""
    return space.split(" ", 1)[0]


def pid_space() -> str:
    """The pid namespace of this process: two containers of one boot have pids of their own."""
    return _pid_space_of(os.getpid())


@cache
def _pid_space_of(_pid: int) -> str:
    """Cached by pid: a process stays in its namespace, but a child may be in another."""
    try:
        return f"{boot_id()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return boot_id()


def process_start(pid: int) -> int | None:
    """A number that tells a process from a later one with its pid; None if it is not alive.

    On Linux: clock ticks from boot to the start, which no clock step changes (psutil's create_time follows the wall
    clock). A zombie counts as dead: it will never write again.
    """
    try:
        fields = _stat(pid)
    except FileNotFoundError:
        return _process_start_elsewhere(pid) if not Path("/proc/self").exists() else None
    except ProcessLookupError:  # it ended during the read
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def is_stopped(pid: int) -> bool:
    """True if that process is stopped (SIGSTOP, a debugger), so that it cannot act."""
    try:
        return _stat(pid)[0] in {"T", "t"}
    except OSError:
        return False


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat``, beginning with the state."""
    stat = _told(f"/proc/{pid}/stat")
    return stat[stat.rindex(")") + 2 :].split()


def _process_start_elsewhere(pid: int) -> int | None:
    import psutil  # noqa: PLC0415 - see boot_id

    try:
        return int(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def memory(pid: int | None = None) -> int:
    """Resident bytes of a process, by default this one."""
    try:
        return int(_told(f"/proc/{pid or 'self'}/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import psutil  # noqa: PLC0415 - see boot_id

        return int(psutil.Process(pid).memory_info().rss)


def _told(path: str) -> str:
    """Read a small /proc file with ``os.read``: it runs every second, and pathlib costs more."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 4096).decode(errors="replace")
    finally:
        os.close(file)
