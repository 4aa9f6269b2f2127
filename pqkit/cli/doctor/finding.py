"""Findings of the doctor's checks, and the checks that every database needs."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pqkit.security.file_permissions import exposed

MOST = 20
Level = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """The finding of one check.

    ``mend`` is the command or step that fixes it, empty if nothing needs fixing.
    """

    check: str
    level: Level
    found: str
    mend: str = ""


def modes(paths: list[Path], most: int) -> Iterator[Finding]:
    """A warning for each path with a mode that lets other users in."""
    for path in paths:
        if path.exists() and (mode := stat.S_IMODE(path.stat().st_mode)) & ~most:
            yield Finding("modes", "warn", f"{path} has mode {mode:04o}", f"chmod {most:o} {path}")


def exposure() -> Iterator[Finding]:
    """A warning for each file of code or settings that users other than this one and root may
    change.
    """
    found = exposed()
    for each in found[:MOST]:
        yield Finding("exposed", "warn", f"{each.found}: others may change what runs here", each.mend)
    if len(found) > MOST:
        yield Finding("exposed", "warn", f"and {len(found) - MOST} more like them", "chmod -R go-w .")
    if not found:
        yield Finding("exposed", "ok", "only this user and root may change code and settings")
