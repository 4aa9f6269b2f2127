"""A folder of backups; each file name says when that backup was begun."""

import re
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

NAME = re.compile(r"pqkit-(\d{8}T\d{6})Z\.db")
PART = ".part"
HALF_IS_OLD = 86_400.0


def name_for(moment: float) -> str:
    """Return the file name of a backup in a folder; ``moment`` is seconds since 1970."""
    return f"pqkit-{datetime.fromtimestamp(moment, UTC):%Y%m%dT%H%M%S}Z.db"


def in_folder(folder: Path) -> list[Path]:
    """Return the backups in a folder, oldest first, without links and folders of such a name."""
    return sorted(path for path in folder.glob("pqkit-*.db") if NAME.fullmatch(path.name) and _is_regular(path))


class Kept(NamedTuple):
    """A verified backup in a folder: ``age`` is seconds since it was begun, ``size`` is bytes."""

    path: Path
    age: float
    size: int


def newest(folder: Path) -> Kept | None:
    """Return the last backup in a folder, or None."""
    known = in_folder(folder)
    return Kept(known[-1], age(known[-1]), known[-1].stat().st_size) if known else None


def age(backup: Path) -> float:
    """Return the seconds since a backup of such a name was begun."""
    found = NAME.fullmatch(backup.name)
    assert found
    return time.time() - datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp()


def prune(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest ``keep`` backups of a folder, and old half-written ones."""
    dropped = in_folder(folder)[:-keep]
    halves = [part for part in folder.glob(f".pqkit-*{PART}*") if _is_regular(part) and _is_old(part)]
    for path in (*dropped, *halves):
        path.unlink(missing_ok=True)
    return dropped


def _is_regular(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def _is_old(part: Path) -> bool:
    return time.time() - part.stat().st_mtime > HALF_IS_OLD
