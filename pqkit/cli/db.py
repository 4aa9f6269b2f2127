"""``pqkit db``: make, upgrade, check and copy the database."""

from pathlib import Path
from typing import Annotated

import typer

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.inputs import BadInput
from pqkit.db import Database, connect, schema
from pqkit.db.sqlite import SqliteDatabase
from pqkit.errors import PqkitError
from pqkit.files import sync_folder
from pqkit.settings import settings

app = typer.Typer(no_args_is_help=True, help="Make, upgrade, check and back up the database.")


def database() -> Database:
    return connect(settings().url, settings().durability)


@app.command()
def init() -> None:
    """Make the database, or bring an older one up to date."""
    _ensure(database())


@app.command()
def upgrade() -> None:
    """Bring an existing database to this program's schema."""
    there = database()
    if not there.exists():
        raise BadInput(f"{there.name} is not there yet: run `pqkit db init`")
    _ensure(there)


def _ensure(there: Database) -> None:
    done = schema.ensure(there)
    out.say(f"{there.name} is {'now' if done else 'already'} at schema {schema.HEAD}")


@app.command()
def check() -> None:
    """Check schema, file and the law that every job is in exactly one place; exit code 1 when something is wrong."""
    there = database()
    schema.check(there)
    troubles = inspect(there)
    for trouble in troubles:
        out.say(trouble, "red")
    if troubles:
        raise typer.Exit(1)
    out.say(f"{there.name} is sound: schema {schema.HEAD}, {out.many(_count(there))}, each in one place")


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")]) -> None:
    """Copy the database while it is in use, then open the copy and check it."""
    there = database()
    schema.check(there)
    _copy(there, target)
    copy = SqliteDatabase(target, there.durability)
    schema.check(copy)
    troubles = inspect(copy)
    count = _count(copy)
    copy.close()
    if troubles:
        raise PqkitError(f"the copy in {target} is not sound: {troubles[0]}; run `pqkit db check` on the original")
    out.say(f"{target} holds {out.many(count)}, checked ({out.size(target.stat().st_size)})")


def inspect(there: Database) -> list[str]:
    """What is wrong with the database or with the places of jobs, one line each; empty when nothing is."""
    troubles = [f"the database is damaged: {line}" for line in there.integrity()]
    misplaced = queries.misplaced(there)
    if misplaced:
        shown = ", ".join(map(str, misplaced[:10])) + (", …" if len(misplaced) > 10 else "")
        troubles.append(f"{out.many(len(misplaced))} not in exactly one place: {shown}")
    return troubles


def _copy(there: Database, target: Path) -> None:
    try:
        there.backup(target)
        sync_folder(target.absolute().parent)
    except FileExistsError:
        raise BadInput(f"{target} exists already: name a new file") from None
    except OSError as error:
        raise BadInput(f"cannot write {target}: {error.strerror}") from None


def _count(there: Database) -> int:
    return sum(queries.counts(there).values())
