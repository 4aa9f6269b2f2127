"""``pqkit doctor``: checks for known problems, each with the command or step that fixes it."""

import json
import re
from collections.abc import Callable, Iterator
from configparser import Error as ConfigError
from configparser import RawConfigParser
from functools import partial

import typer
from rich.text import Text

from pqkit import project_template
from pqkit.cli import output as out
from pqkit.cli.doctor import queue_checks, service_checks, sqlite_checks
from pqkit.cli.doctor.finding import Finding, Level, exposure, modes
from pqkit.cli.inputs import AsJson
from pqkit.db import Database, connect, schema
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.errors import DatabaseUnavailable, PqkitError
from pqkit.settings import settings

Check = Callable[[], Iterator[Finding]]
WAY_OUT = re.compile("`(pqkit [^`]+)`|: (upgrade pqkit)")
STYLES: dict[Level, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(json_: AsJson = False) -> None:
    """Check driver, schema, disk, clock, jobs, workers, files, keys, backups and settings; exit
    code 1 if a check fails.
    """
    findings = list(examine())
    if json_:
        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        rows = ((f.check, Text(f.level, STYLES[f.level]), out.whole(f.found), out.whole(f.mend)) for f in findings)
        out.show(out.table(("check", "is", "~found", "~mend it with"), rows))
    if any(finding.level == "fail" for finding in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Run every check; those on the database's content only if its schema is right."""
    wanted = settings()
    database = connect(wanted.url, wanted.durability)
    yield Finding("settings", "ok", f"url {database.name}, durability {wanted.durability}")
    yield _grace()
    yield from service_checks.look(wanted)
    folders = [wanted.files, wanted.logs, wanted.runs, wanted.archive, wanted.backups]
    yield from modes([folder for folder in folders if folder is not None], 0o700)
    yield from exposure()
    before, within = _checks_of(database)
    try:
        yield from before()
        schema.check(database)
    except DatabaseUnavailable as error:
        yield Finding("reachable", "fail", str(error), "start the server, or name another place with PQKIT_URL")
        return
    except PqkitError as error:
        way_out = WAY_OUT.search(str(error))
        yield Finding(
            "schema", "fail", str(error), (way_out[1] or way_out[2]) if way_out else "set PQKIT_URL to a queue"
        )
        return
    yield Finding("schema", "ok", schema.HEAD)
    yield from within()
    yield from queue_checks.look(database)


def _checks_of(database: Database) -> tuple[Check, Check]:
    """The checks for this kind of database: before it is opened, and after."""
    if isinstance(database, SqliteDatabase):
        return partial(sqlite_checks.before, database), partial(sqlite_checks.within, database)
    from pqkit.cli.doctor import postgresql_checks  # noqa: PLC0415 - its driver is an extra
    from pqkit.db.postgresql import PostgresDatabase  # noqa: PLC0415

    assert isinstance(database, PostgresDatabase)
    return partial(postgresql_checks.before, database), partial(postgresql_checks.within, database)


def _grace() -> Finding:
    """Check that Supervisor does not kill a worker that still drains."""
    conf, wait = project_template.folder("supervisor", settings().supervisor) / "supervisord.conf", None
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
