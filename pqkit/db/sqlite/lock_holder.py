"""Finds the process that holds SQLite's write lock.

A process that was stopped or hangs inside a transaction blocks every writer.
"""

from pathlib import Path
from typing import NamedTuple

# In the -shm file of a database in WAL mode the writer locks this byte (SQLite's file format, section 2.3.1).
_WRITER_BYTE = 120
# The kernel's list is no snapshot: it sometimes misses a lock while others come and go.
_LOOKS = 5


class Holder(NamedTuple):
    """The process that holds the write lock; ``state`` is the kernel's, such as "T (stopped)"."""

    pid: int
    state: str
    command: str

    @property
    def stopped(self) -> bool:
        """True if it will not continue by itself."""
        return self.state[:1] in {"T", "t"}

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command}), {self.state}"


def write_lock_holder(database: Path) -> Holder | None:
    """The present holder; None if the lock is free or there is no /proc/locks (Linux only)."""
    try:
        inode = Path(f"{database}-shm").stat().st_ino
        return next(filter(None, (_in_list(_locks(), inode) for _ in range(_LOOKS))), None)
    except OSError:
        return None


def _locks() -> str:
    return Path("/proc/locks").read_text()


def _in_list(locks: str, inode: int) -> Holder | None:
    for line in locks.splitlines():
        fields = line.replace("-> ", "").split()
        _, _, _, kind, pid, file, first, last = fields[:8]
        if kind == "WRITE" and file.endswith(f":{inode}") and int(first) <= _WRITER_BYTE and _reaches(last):
            return _describe(int(pid))
    return None


def _reaches(last: str) -> bool:
    return last == "EOF" or int(last) >= _WRITER_BYTE


def _describe(pid: int) -> Holder:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return Holder(pid, "gone", "?")
    state = next(line for line in status.splitlines() if line.startswith("State:"))
    return Holder(pid, state.removeprefix("State:").strip(), " ".join(command.split())[:120])
