"""``pqkit db backup|restore|copy`` and ``pqkit drill``: back up, restore and move a queue."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pqkit import queries
from pqkit.backup import backup_folder as folders
from pqkit.backup.create import Backup, back_up
from pqkit.backup.drill import Drilled
from pqkit.backup.drill import drill as run_drill
from pqkit.backup.restore import move
from pqkit.backup.restore import restore as restore_backup
from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput, Yes
from pqkit.db import Database, connect, schema
from pqkit.queries.audit_history import audit
from pqkit.settings import settings


def _database() -> Database:
    return connect(settings().url, settings().durability)


def backup(
    target: Annotated[
        Path | None,
        typer.Argument(
            help="A new file, or a folder, in which it is named by its time; the setting backups.", show_default=False
        ),
    ] = None,
    *,
    keep: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of newest backups to keep in the folder; older ones are deleted.", show_default=False
        ),
    ] = None,
) -> None:
    """Copy the queue into a file while it is in use, then check, count and audit the copy."""
    target = target or settings().backups
    if target is None:
        raise BadInput("name a file or a folder, or set PQKIT_BACKUPS")
    in_folder = target.is_dir()
    if keep is not None and not in_folder:
        raise BadInput(f"--keep is for folders of backups, and {target} is none")
    there = _database()
    schema.check(there)
    made = _back_up(there, target / folders.name_for(time.time()) if in_folder else target)
    dropped = folders.prune(target, keep) if keep is not None else []
    words = f"{made.path} holds {out.many(made.jobs)}, checked ({out.size(made.size)})"
    out.say(words + (f"; dropped {out.many(len(dropped), 'older one')}" if dropped else ""))
    _say_audit(made)


def _back_up(there: Database, target: Path) -> Backup:
    try:
        return back_up(there, target)
    except FileExistsError:
        raise BadInput(f"{target} exists already: name a new file") from None
    except OSError as error:
        raise BadInput(f"cannot write {target}: {error.strerror}") from None


def _say_audit(found: Backup) -> None:
    smallest = found.certificate.smallest()
    if smallest is not None:
        out.say(f"its audit finds: {smallest.rule}: job {smallest.job_id}: {smallest.words}", "red")
        raise typer.Exit(1)


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move the file of a queue that is there aside, as NAME.before-TIME.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Restore a backup to the place in PQKIT_URL; refused while workers use that queue, or if
    it holds jobs.
    """
    target = _database()

    def preview(to: Console) -> None:
        to.print(f"{file} becomes the queue in {target.name}")

    out.ask("restore?", yes=yes, preview=preview)
    try:
        found = restore_backup(file, target, rescue_after=settings().rescue_after, replace=replace)
    except OSError as error:
        raise BadInput(f"cannot restore {file}: {error.strerror}") from None
    until = f", as of {out.moment(found.latest)}" if found.latest else ""
    out.say(f"{target.name} holds {out.many(found.jobs)} again{until}")
    _say_access(target)
    _say_audit(found)


def _say_access(target: Database) -> None:
    """Warn that users and tokens removed or revoked since the backup are valid again."""
    users, tokens = len(queries.users(target)), len(queries.tokens(target))
    if users or tokens:
        out.say(
            f"{out.many(users, 'user')} and {out.many(tokens, 'token')} are as they were then: look at "
            "`pqkit users list` and `pqkit tokens list`; all logins have ended"
        )


def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The URL of the queue.")],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="The URL of an empty database, or one that is not there.")
    ],
    *,
    json: AsJson = False,
) -> None:
    """Copy a whole queue into another database, such as from SQLite to PostgreSQL: all or
    nothing, and compared.
    """
    there, new = (connect(url, settings().durability) for url in (source, target))
    if there.name == new.name:
        raise BadInput("FROM and TO are the same database")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    screen = out.console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        shown = bar.add_task("reading", total=None)

        def progress(done: int, total: int, table: str) -> None:
            bar.update(shown, completed=done, total=total, description=table)

        copied = move(there, new, progress, rescue_after=settings().rescue_after)
        bar.update(shown, description="auditing")
        before, after = audit(there), audit(new)
    if before.checksum != after.checksum:
        raise BadInput(f"the audits of {there.name} and {new.name} differ: {there.name} was written to meanwhile")
    if json:
        out.show_json({"rows": copied.rows, "checksums": copied.checksums, "audit": after.checksum})
        return
    rows = [(name, count, copied.checksums[name][:16]) for name, count in copied.rows.items() if count]
    out.show(out.table(("table", ">rows", "sha256"), rows))
    out.say(f"{new.name} holds all {out.many(after.jobs)} of {there.name}, compared; audit sha256 {after.checksum}")
    out.say("set PQKIT_URL to it everywhere: what is queued in the old one from now on stays there")


def drill(
    file: Annotated[
        Path | None, typer.Argument(help="A backup; otherwise the newest in the setting backups, or a new one.")
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Restore a backup into a scratch place and check it; report the time taken and the loss."""
    there = _database()
    schema.check(there)
    found = run_drill(there, file, settings().backups)
    if json:
        out.show_json(_as_json(found))
    else:
        _show(found)
    _say_audit(found.backup)


def _show(found: Drilled) -> None:
    made = "a backup made now" if found.fresh else str(found.backup.path)
    jobs, size = out.many(found.backup.jobs), out.size(found.backup.size)
    out.say(f"{made} ({jobs}, {size}) came back whole in {out.brief(found.seconds)}", "green")
    lost = f"{out.many(found.lost.queued)} queued, {out.many(found.lost.ended, 'run')} ended"
    lost += f", {out.many(found.lost.acted, 'action')} of operators"
    out.say(f"if the queue were lost now, the last {out.span(found.window)} would be gone: {lost}")


def _as_json(found: Drilled) -> dict[str, object]:
    return {
        "backup": None if found.fresh else str(found.backup.path),
        "jobs": found.backup.jobs,
        "bytes": found.backup.size,
        "restored_in": found.seconds,
        "window": found.window,
        "lost": found.lost._asdict(),
        "clean": found.backup.certificate.clean,
        "audit": found.backup.certificate.checksum,
    }
