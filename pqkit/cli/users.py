"""``pqkit users``: the people who may log in to the manager console.

A person who may read the database file acts as the system user, and needs no login.
"""

import sys
from typing import Annotated

import typer

from pqkit import queries
from pqkit.auth import Users
from pqkit.auth.passwords import WeakPassword
from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, Yes
from pqkit.queue import get_queue
from pqkit.security.permissions import Role

app = typer.Typer(no_args_is_help=True, help="List, add and remove people who may log in.")
Name = Annotated[str, typer.Argument(help="The user's name.")]


@app.command("list")
def list_users(json: AsJson = False) -> None:
    """List users and their roles."""
    database = get_queue(create=False).database
    found = queries.users(database)
    if json:
        out.show_json([out.plain(user) for user in found])
        return
    now = database.now()
    rows = ((u.name, u.role, out.moment(u.created_at), out.ago(u.used_at, now)) for u in found)
    out.show(out.table(("user", "role", "created", "last seen"), rows))


@app.command()
def add(
    name: Name, role: Annotated[Role, typer.Option(help="viewer looks, operator acts, admin also deletes.")]
) -> None:
    """Add a user; the password is typed, or read from standard input."""
    users = _users()
    users.add(name, _password(), role)
    out.say(f"{name} may log in as {role}")


@app.command()
def remove(name: Name, yes: Yes = False) -> None:
    """Remove a user and end the user's sessions; actions stay on record. The last administrator
    cannot be removed.
    """
    users = _users()
    out.ask(f"remove user {name}?", yes=yes, preview=lambda _: None)
    users.remove(name)
    out.say(f"{name} may not log in any more")


@app.command()
def password(name: Name) -> None:
    """Set a new password, typed or read from standard input; the user's sessions and login
    delays end.
    """
    _users().set_password(name, _password())
    out.say(f"{name} has a new password")


@app.command()
def role(name: Name, role: Annotated[Role, typer.Argument(help="The new role.")]) -> None:
    """Change a user's role; the user's sessions end."""
    _users().set_role(name, role)
    out.say(f"{name} is now {role}")


def _users() -> Users:
    return Users(get_queue().operator())


def _password() -> str:
    """Ask for the password, or read it from standard input.

    As an argument, everybody on the machine could see it, and the shell would keep it.
    """
    if sys.stdin.isatty():
        given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return given
    given = sys.stdin.readline().removesuffix("\n")
    if not given:
        raise WeakPassword("there is no password on standard input")
    return given
