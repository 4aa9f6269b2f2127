"""Which file system a path is on: SQLite's locks, and the memory that its WAL mode shares, hold on local ones alone."""

import re
from functools import cache
from pathlib import Path

from pqkit.errors import UnsupportedUrl

NETWORK = {
    "9p",
    "afs",
    "ceph",
    "cifs",
    "fuse.glusterfs",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
}
MEND = "PQKIT_URL=sqlite:////path/on/a/local/disk/queue.db"


@cache
def mounts() -> dict[Path, str]:
    """The type of the file system at each place where one is mounted, read once."""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="surrogateescape").splitlines()
    except OSError:
        import psutil  # noqa: PLC0415 - only where there is no /proc

        return {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    return {Path(_unescaped(place)): kind for _, place, kind, *_ in map(str.split, lines)}


def _unescaped(place: str) -> str:
    """A space in a path stands there as ``\\040``, and so on."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place)


def file_system(path: Path) -> str:
    """The type of the file system that the path is on, whether it is there already or not."""
    place = path.resolve()
    return next((mounts()[folder] for folder in (place, *place.parents) if folder in mounts()), "unknown")


def refuse_network(path: Path) -> None:
    """Raise UnsupportedUrl for a database on a network file system, which would break it sooner or later."""
    system = file_system(path)
    if system in NETWORK:
        raise UnsupportedUrl(
            f"{path} is on {system}, where SQLite's locks do not hold: put it on a local disk ({MEND})"
        )
