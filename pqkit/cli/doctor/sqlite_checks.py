"""Checks of a SQLite file: its driver, its disk, its modes, its write lock."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.doctor.finding import Finding, Level, modes
from pqkit.db import driver_version
from pqkit.db.sqlite import filesystem
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.db.sqlite.lock_holder import write_lock_holder
from pqkit.domain.durations import SECOND

LOW_DISK, NO_DISK = 1024**3, 100 * 1024**2
LOOKS, LOOK_EVERY = 8, 0.05
CLOCK_OFF = 5.0


def before(database: SqliteDatabase) -> Iterator[Finding]:
    """Checks before the database is opened."""
    yield _driver()
    yield from _disk(database.path.parent)
    yield _writable(database.path)
    yield from modes([database.path, *database.path.parent.glob(f"{database.path.name}-*")], 0o600)
    yield from modes([database.path.parent], 0o700)


def within(database: SqliteDatabase) -> Iterator[Finding]:
    """Checks on the open database."""
    yield _lock(database)
    yield _clock(database)


def _driver() -> Finding:
    found = driver_version()
    said = f"{found.module} with SQLite {found.sqlite}"
    if found.safe:
        return Finding("driver", "ok", said)
    return Finding("driver", "warn", f"{said} can lose commits when its log is reset", "pip install 'pysqlite3>=0.6.1'")


def _disk(folder: Path) -> Iterator[Finding]:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    level: Level = "fail" if free < NO_DISK else "warn" if free < LOW_DISK else "ok"
    yield Finding(
        "disk", level, f"{out.size(free)} free", "" if level == "ok" else f"make room on the disk of {folder}"
    )
    system = filesystem.file_system(folder)
    if system in filesystem.NETWORK:
        found = f"{folder} is on {system}, where SQLite's locks do not hold"
        yield Finding("file system", "fail", found, filesystem.MEND)
    else:
        yield Finding("file system", "ok", system)


def _writable(path: Path) -> Finding:
    if path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return Finding("writable", "fail", f"{path} or its folder cannot be written", f"chmod u+w {path.parent} {path}")
    return Finding("writable", "ok", str(path))


def _lock(database: SqliteDatabase) -> Finding:
    """Check the write lock: if the process that holds it is stopped, every writer waits forever."""
    holders = []
    for _ in range(LOOKS):
        holders.append(write_lock_holder(database.path))
        time.sleep(LOOK_EVERY)
    if None in holders or len({holder.pid for holder in holders if holder}) > 1:
        return Finding("write lock", "ok", "nobody keeps it")
    holder = holders[-1]
    assert holder
    level: Level = "fail" if holder.stopped else "warn"
    return Finding(
        "write lock", level, f"held for longer than it should by {holder}", f"kill -CONT {holder.pid}, or end it"
    )


def _clock(database: SqliteDatabase) -> Finding:
    """Check that no record is from the future; due times depend on the clock, leases do not."""
    ahead = ((queries.latest(database) or 0) - database.now()) / SECOND
    if ahead > CLOCK_OFF:
        said = f"the last thing on record is of {out.span(ahead)} from now: the clock was set back, or was ahead"
        return Finding("clock", "warn", said, "timedatectl set-ntp true")
    return Finding("clock", "ok", "nothing on record is of the future")
