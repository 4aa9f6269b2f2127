"""``pqkit doctor``: everything that is known to go wrong, looked at once, each with what mends it."""

import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from configparser import Error as ConfigError
from configparser import RawConfigParser
from pathlib import Path
from typing import Literal, NamedTuple

import typer
from rich.text import Text

from pqkit import kit, queries
from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson
from pqkit.db import Database, connect, disk, driver_version, schema
from pqkit.db.holder import write_lock_holder
from pqkit.errors import PqkitError
from pqkit.settings import settings

Level = Literal["ok", "warn", "fail"]
STYLES: dict[Level, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}
LOW_DISK, NO_DISK = 1024**3, 100 * 1024**2
LOOKS, LOOK_EVERY = 8, 0.05


class Finding(NamedTuple):
    """What one check found; ``mend`` is the command or step that mends it, empty where nothing is to be done."""

    check: str
    level: Level
    found: str
    mend: str = ""


def doctor(json_: AsJson = False) -> None:
    """Check driver, schema, files, disk, jobs, workers and settings; exit code 1 when something fails."""
    findings = list(examine())
    if json_:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        rows = ((f.check, Text(f.level, STYLES[f.level]), out.whole(f.found), out.whole(f.mend)) for f in findings)
        out.show(out.table(("check", "is", "~found", "~mend it with"), rows))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Every check in turn; those on the database's content only where its schema is right."""
    wanted = settings()
    yield Finding("settings", "ok", f"url {wanted.url}, durability {wanted.durability}")
    yield _driver()
    yield _grace()
    database = connect(wanted.url, wanted.durability)
    yield from _disk(database.path.parent)
    yield _writable(database.path)
    yield from _modes([database.path, *database.path.parent.glob(f"{database.path.name}-*")], 0o600)
    yield from _modes([database.path.parent, wanted.files, wanted.logs], 0o700)
    try:
        schema.check(database)
    except PqkitError as error:
        yield Finding("schema", "fail", str(error), "pqkit db init")
        return
    yield Finding("schema", "ok", schema.HEAD)
    for check in DATABASE_CHECKS:
        yield check(database)


def _driver() -> Finding:
    found = driver_version()
    said = f"{found.module} with SQLite {found.sqlite}"
    if found.safe:
        return Finding("driver", "ok", said)
    return Finding("driver", "warn", f"{said} can lose commits when its log is reset", "pip install 'pysqlite3>=0.6.1'")


def _grace() -> Finding:
    """Supervisor must not kill a worker that still drains."""
    conf, wait = kit.folder("supervisor") / "supervisord.conf", None
    reader = RawConfigParser(strict=False, inline_comment_prefixes=(" ;",))
    try:
        reader.read(conf)
        wait = reader.get("program:worker", "stopwaitsecs", fallback="10")
    except ConfigError as error:
        return Finding("grace", "warn", f"{conf} cannot be read: {error}", f"mend {conf}")
    if wait.isdigit() and int(wait) <= settings().grace:
        found = f"Supervisor kills after {wait} s, workers want {settings().grace:g} s to drain"
        return Finding("grace", "fail", found, f"stopwaitsecs=%(ENV_PQKIT_STOP_SECONDS)s in {conf}")
    return Finding("grace", "ok", f"workers get {settings().grace:g} s to drain")


def _disk(folder: Path) -> Iterator[Finding]:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    level: Level = "fail" if free < NO_DISK else "warn" if free < LOW_DISK else "ok"
    yield Finding(
        "disk", level, f"{out.size(free)} free", "" if level == "ok" else f"make room on the disk of {folder}"
    )
    system = disk.file_system(folder)
    if system in disk.NETWORK:
        found = f"{folder} is on {system}, where SQLite's locks do not hold"
        yield Finding("file system", "fail", found, disk.MEND)
    else:
        yield Finding("file system", "ok", system)


def _writable(path: Path) -> Finding:
    if path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return Finding("writable", "fail", f"{path} or its folder cannot be written", f"chmod u+w {path.parent} {path}")
    return Finding("writable", "ok", str(path))


def _modes(paths: list[Path], most: int) -> Iterator[Finding]:
    """A warning for each path that others than its owner may use."""
    for path in paths:
        if path.exists() and (mode := stat.S_IMODE(path.stat().st_mode)) & ~most:
            yield Finding("modes", "warn", f"{path} has mode {mode:04o}", f"chmod {most:o} {path}")


def _places(database: Database) -> Finding:
    misplaced = queries.misplaced(database)
    if misplaced:
        return Finding("places", "fail", f"{out.many(len(misplaced))} not in one place", "pqkit db check")
    return Finding("places", "ok", "every job is in exactly one place")


def _lock(database: Database) -> Finding:
    """Every writer waits for the one that holds the lock: a stopped one makes them wait for ever."""
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


def _workers(database: Database) -> Finding:
    living = queries.workers(database)
    silent = [w.name for w in living if w.heartbeat_age is None or w.heartbeat_age > settings().rescue_after]
    if silent:
        return Finding("workers", "warn", f"no heartbeat from {out.names(silent)}", "pqkit worker (any worker rescues)")
    return Finding("workers", "ok", f"{len(living)} living")


def _served(database: Database) -> Finding:
    groups = queries.unserved(database)
    if not groups:
        return Finding("served", "ok", "every pending job has a worker that may take it")
    first = groups[0]
    found = f"no worker for {out.many(first.jobs)} of {first.task} in queue {first.queue}"
    found += f" (assigned to {first.assigned_to})" if first.assigned_to else ""
    found += f", and {len(groups) - 1} more kinds" if len(groups) > 1 else ""
    mend = f"pqkit jobs assign --task {first.task} --anyone" if first.assigned_to else "pqkit worker --tasks MODULE"
    return Finding("served", "warn", found, mend)


DATABASE_CHECKS: tuple[Callable[[Database], Finding], ...] = (_lock, _places, _workers, _served)
