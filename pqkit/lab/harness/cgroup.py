"""A memory cgroup in which the kernel kills processes that take too much.

It is beside or below the lab's own cgroup.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pqkit.errors import NotFound
from pqkit.lab import wait_until

LIMIT = 64 * 2**20
ROOT, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


class Layout(NamedTuple):
    """The folder, the limit's file and the kill counter's file of one version of cgroups."""

    folder: str
    limit: str
    events: str


FIRST = Layout("memory", "memory.limit_in_bytes", "memory.oom_control")
SECOND = Layout("", "memory.max", "memory.events")


class MemoryGroup(NamedTuple):
    """A cgroup with a limit; a process that enters it is charged for its memory from then on."""

    folder: Path
    layout: Layout

    def kills(self) -> int:
        """The number of processes that the kernel has killed in this group."""
        lines = (self.folder / self.layout.events).read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


@contextmanager
def memory_group(limit: int = LIMIT, *, root: Path = ROOT) -> Iterator[MemoryGroup]:
    """Make a cgroup and remove it afterwards; raises NotFound if none can be made."""
    group = _make(limit, root)
    try:
        yield group
    finally:
        wait_until(lambda: _removed(group.folder), what=f"the end of {group.folder}")


def _make(limit: int, root: Path) -> MemoryGroup:
    layout, own = _own(root)
    why = "there is none here"
    for parent in (own, *own.parents):
        if not parent.is_relative_to(root):
            break
        folder = parent / f"pqkit-lab-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError as error:
            why = f"{folder}: {error.strerror}"
            continue
        if (folder / layout.limit).exists():  # missing in version 2 if the parent has processes of its own
            (folder / layout.limit).write_text(str(limit))
            return MemoryGroup(folder, layout)
        folder.rmdir()
        why = f"{folder}: it cannot limit memory"
    raise NotFound(f"the kernel's own kill needs a memory cgroup, which root can make on many machines: {why}")


def _own(root: Path) -> tuple[Layout, Path]:
    """The cgroup of this process.

    It is the topmost visible cgroup if its path leads nowhere, as in containers.
    """
    groups = {names: path for _, names, path in (line.split(":", 2) for line in OWN.read_text().splitlines())}
    layout = FIRST if FIRST.folder in groups else SECOND
    top = root / layout.folder
    own = top / groups.get(layout.folder, "/").lstrip("/")
    return layout, own if own.is_dir() else top


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:  # a killed process is not quite gone
        return not folder.exists()
    return True
