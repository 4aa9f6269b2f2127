"""Restores a backup and moves a queue, but never over a live one."""

from datetime import UTC, datetime
from pathlib import Path

import psutil

from pqkit import queries
from pqkit.backup.create import Backup, BackupError, part_of, verify
from pqkit.db import Database, connect, schema
from pqkit.domain.states import NEVER
from pqkit.errors import DatabaseUnavailable, PqkitError, Refused, SchemaError
from pqkit.files import private_folder, sync_file, sync_folder
from pqkit.operations.copy_database import Copied, Progress, copy
from pqkit.operations.operator import Deed, Operator
from pqkit.sql import compiled as sql


def restore(file: Path, target: Database, *, rescue_after: float, replace: bool = False) -> Backup:
    """Restore a backup to the place of ``target``, and record that there.

    ``target`` must be missing or empty; with ``replace``, an existing file is moved aside, never deleted. Sessions and
    known browsers of the backup end: they may have been ended since it was made. Raises Refused while workers live or
    other programs have the file open, BackupError for a file that is not whole.
    """
    refuse_living(target, rescue_after)
    place = target.place
    beside = place if place is not None else file
    private_folder(beside.parent)
    with part_of(beside.with_name(f"{beside.name}.restored")) as part:
        found = _fresh(file, part)
        if place is None:
            copy(connect(f"sqlite:///{part.absolute()}"), target)
        else:
            _make_room(place, target, replace=replace)
            part.rename(place)
            sync_folder(place.parent)
    detail = {"file": str(file.absolute()), "jobs": found.jobs, "latest": found.latest}
    with target.write() as tx:
        Operator(target).record(tx, target.now(), Deed("restore", detail=detail))
    return found


def refuse_living(there: Database, rescue_after: float) -> None:
    """Raise Refused while workers of that queue live."""
    try:
        if not there.exists() or schema.version(there) is None:
            return
        living = [w.name for w in queries.workers(there) if (w.heartbeat_age or rescue_after) < rescue_after]
    except (DatabaseUnavailable, SchemaError):
        return  # there is no working queue
    if living:
        raise Refused(f"{there.name} is alive: stop its workers first ({', '.join(living)})")


def _fresh(file: Path, part: Path) -> Backup:
    """Write a verified copy of the backup to ``part``, at this program's schema."""
    if not file.is_file():
        raise BackupError(f"{file} is not a file: name a backup")
    original, copied = (connect(f"sqlite:///{path.absolute()}") for path in (file, part))
    try:
        original.backup(part)  # not a plain file copy: a log may lie beside it
        if schema.version(copied) is None:
            raise BackupError(f"{file} is not a backup: it holds no queue")
        schema.ensure(copied)
        _end_sessions(copied)
    except DatabaseUnavailable as error:
        raise BackupError(f"{file} is not a backup: {error}") from None
    finally:
        original.close()
        copied.close()
    found = verify(part)
    sync_file(part)
    return found._replace(path=file)


def _end_sessions(copied: Database) -> None:
    with copied.write() as tx:
        tx.run(sql.DELETE_OLD_LOGINS, NEVER, NEVER)
        tx.run(sql.DELETE_OLD_DEVICES, NEVER)


def _make_room(place: Path, target: Database, *, replace: bool) -> None:
    if not place.exists():
        return
    target.close()
    users = open_elsewhere(place)
    if users:
        raise Refused(f"{place} is in use by {', '.join(users)}: end them first")
    if not replace and _holds_jobs(target):
        raise Refused(f"{place} holds a queue: --replace moves it aside, or name another database with --url")
    target.close()
    moved = place.with_name(f"{place.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    for suffix in ("-wal", "-shm", ""):
        old = place.with_name(place.name + suffix)
        if old.exists():
            old.rename(moved.with_name(moved.name + suffix))


def _holds_jobs(target: Database) -> bool:
    try:
        return schema.version(target) is not None and sum(queries.counts(target).values()) > 0
    except PqkitError:
        return True  # unreadable data may be worth something


def open_elsewhere(place: Path) -> list[str]:
    """Return the other processes that have the file open, as far as this user can see them."""
    found = []
    for process in psutil.process_iter(["pid", "name"]):
        try:
            if process.pid != psutil.Process().pid and any(
                f.path == str(place.resolve()) for f in process.open_files()
            ):
                found.append(f"process {process.pid} ({process.name()})")
        except (psutil.Error, OSError):
            continue
    return found


def move(source: Database, target: Database, progress: Progress, *, rescue_after: float) -> Copied:
    """Copy a whole queue into another database.

    Raises Refused while workers live on either. If a job was queued during the copy, it copies nothing and raises
    Refused.
    """
    for there in (source, target):
        refuse_living(there, rescue_after)
    begun = queries.latest(source)

    def refuse_change() -> None:
        if queries.latest(source) != begun:
            raise Refused(f"{source.name} was written to meanwhile: stop what queues jobs there, and copy again")

    return copy(source, target, progress, before_commit=refuse_change)
