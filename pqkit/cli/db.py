"""``pqkit db``: make, upgrade, check and copy the database."""

import typer

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.inputs import BadInput
from pqkit.db import Database, connect, schema
from pqkit.settings import settings

app = typer.Typer(no_args_is_help=True, help="Make, upgrade, check and back up the database.")


def database() -> Database:
    return connect(settings().url, settings().durability)


@app.command()
def init() -> None:
    """Create the database, or upgrade an older one."""
    _ensure(database())


@app.command()
def upgrade() -> None:
    """Upgrade an existing database to this program's schema."""
    there = database()
    if not there.exists():
        raise BadInput(f"{there.name} is not there yet: run `pqkit db init`")
    _ensure(there)


def _ensure(there: Database) -> None:
    done = schema.ensure(there)
    out.say(f"{there.name} is {'now' if done else 'already'} at schema {schema.HEAD}")


@app.command()
def check() -> None:
    """Check the schema, the file, and that every job is in exactly one place; exit code 1 if
    something is wrong.
    """
    there = database()
    schema.check(there)
    troubles = inspect(there)
    for trouble in troubles:
        out.say(trouble, "red")
    if troubles:
        raise typer.Exit(1)
    out.say(f"{there.name} is sound: schema {schema.HEAD}, {out.many(_count(there))}, each in one place")


def inspect(there: Database) -> list[str]:
    """Problems of the database or of the places of jobs, one line each; empty if there are none."""
    troubles = [f"the database is damaged: {line}" for line in there.integrity()]
    misplaced = queries.misplaced(there)
    if misplaced:
        shown = ", ".join(map(str, misplaced[:10])) + (", …" if len(misplaced) > 10 else "")
        troubles.append(f"{out.many(len(misplaced))} not in exactly one place: {shown}")
    return troubles


def _count(there: Database) -> int:
    return sum(queries.counts(there).values())
