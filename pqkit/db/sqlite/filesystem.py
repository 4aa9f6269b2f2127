"""Refuses network file systems: SQLite's locks and shared memory work only on local ones."""

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
    """The file system type at each mount point, read once."""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="surrogateescape").splitlines()
    except OSError:
        import psutil  # noqa: PLC0415 - only where there is no /proc

        return {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    return {Path(_unescaped(place)): kind for _, place, kind, *_ in map(str.split, lines)}


def _unescaped(place: str) -> str:
    """Decode the octal escapes of a mount point: a space is ``\\040``."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), place)


def file_system(path: Path) -> str:
    """The type of the file system that the path is on; the path need not exist."""
    place = path.resolve()
    return next((mounts()[folder] for folder in (place, *place.parents) if folder in mounts()), "unknown")


def refuse_network(path: Path) -> None:
    """Raise UnsupportedUrl for a path on a network file system: the database would break there."""
    system = file_system(path)
    if system in NETWORK:
        raise UnsupportedUrl(
            f"{path} is on {system}, where SQLite's locks do not hold: put it on a local disk ({MEND})"
        )
