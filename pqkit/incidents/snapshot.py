"""A copy of a queue to investigate: it adds no load to a sick queue and does not change."""

from pathlib import Path

from pqkit.db import Database, connect
from pqkit.errors import DatabaseUnavailable
from pqkit.operations.copy_database import copy


def snapshot(url: str, folder: Path) -> Database:
    """Copy the queue at ``url`` consistently into a file in ``folder``, and open only that file.

    Raises DatabaseUnavailable if it cannot be read: then ``url`` may name a backup or any other copy.
    """
    source, target = connect(url), folder / "snapshot.db"
    if not source.exists():
        raise DatabaseUnavailable(f"{source.name} is not there; a backup of it serves as well")
    try:
        there = connect(f"sqlite:///{target}")
        if not source.backup(target):
            copy(source, there)
    finally:
        source.close()
    return there
