"""Verified backups: a SQLite file for both databases, made while the queue is in use."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pqkit import queries
from pqkit.audit.rules import Certificate
from pqkit.backup.backup_folder import PART
from pqkit.db import Database, connect, schema
from pqkit.errors import DatabaseUnavailable, PqkitError
from pqkit.files import sync_file, sync_folder
from pqkit.operations.copy_database import copy
from pqkit.queries.audit_history import audit


class BackupError(PqkitError):
    """A backup cannot be made, or is not whole."""


class Backup(NamedTuple):
    """A verified backup; ``latest`` is the time of its last record (microseconds UTC)."""

    path: Path
    jobs: int
    size: int
    latest: int | None
    certificate: Certificate


def back_up(source: Database, target: Path) -> Backup:
    """Copy the queue to the new file ``target``, which appears only when it is verified.

    Raises BackupError, FileExistsError or OSError.
    """
    if target.exists() or target.is_symlink():
        raise FileExistsError(f"{target} exists already")
    with part_of(target) as part:
        if not source.backup(part):
            _copy_rows(source, part)
        found = verify(part)
        sync_file(part)
        os.link(part, target)  # unlike a rename, a link never replaces a file that another process made
    sync_folder(target.absolute().parent)
    return found._replace(path=target)


def _copy_rows(source: Database, part: Path) -> None:
    there = connect(f"sqlite:///{part.absolute()}")
    try:
        copy(source, there)
    finally:
        there.close()  # closing merges the log into the one file


@contextmanager
def part_of(target: Path) -> Iterator[Path]:
    """A path beside ``target`` to write to; afterwards it is deleted with SQLite's side files."""
    part = target.with_name(f".{target.name}{PART}")
    try:
        _remove(part)
        yield part
    finally:
        _remove(part)


def _remove(part: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        part.with_name(part.name + suffix).unlink(missing_ok=True)


def verify(path: Path) -> Backup:
    """Open a backup, check, count and audit it. Raises BackupError with the fault."""
    there = connect(f"sqlite:///{path.absolute()}")
    try:
        with there.in_words():
            schema.check(there)
            _refuse_damage(there, path)
            jobs = sum(queries.counts(there).values())
            return Backup(path, jobs, path.stat().st_size, queries.latest(there), audit(there))
    except DatabaseUnavailable as error:
        raise BackupError(f"{path} is damaged: {error}") from None
    finally:
        there.close()


def _refuse_damage(there: Database, path: Path) -> None:
    damage = there.integrity()
    if damage:
        raise BackupError(f"{path} is damaged: {damage[0]}")
    misplaced = queries.misplaced(there)
    if misplaced:
        raise BackupError(f"{path} is not whole: job {misplaced[0]} does not stand in exactly one place")
