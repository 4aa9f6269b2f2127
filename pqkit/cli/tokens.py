"""``pqkit tokens``: tokens that programs present to the REST interface."""

import json as jsons
from typing import Annotated

import typer

from pqkit import queries
from pqkit.auth import Tokens
from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, until
from pqkit.queries import TokenView
from pqkit.queue import get_queue
from pqkit.security.permissions import Scope

app = typer.Typer(no_args_is_help=True, help="List, add and revoke tokens of the REST interface.")


@app.command("list")
def list_tokens(json: AsJson = False) -> None:
    """List tokens, without their secrets."""
    database = get_queue(create=False).database
    found = queries.tokens(database)
    if json:
        out.show_json([out.plain(token) for token in found])
        return
    columns = ("token", "name", "scopes", "by", "created", "last use", "ends")
    out.show(out.table(columns, (_row(token, database.now()) for token in found)))


def _row(token: TokenView, now: int) -> tuple[str, ...]:
    created, used, expires, revoked = (
        out.ago(at, now) for at in (token.created_at, token.used_at, token.expires_at, token.revoked_at)
    )
    end = f"revoked {revoked}" if revoked else expires
    return token.id, token.name, " ".join(token.scopes), token.created_by, created, used, end


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Purpose of the token, such as the program that will hold it.")],
    scope: Annotated[list[Scope], typer.Option(help="A scope of the token; repeatable.")],
    expires: Annotated[
        int | None, typer.Option(parser=until, metavar="TIME", help="30d … from now, or 2030-01-31T08:00Z.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Create a token. It is shown only once: the database keeps a digest."""
    queue = get_queue()
    token = Tokens(queue.database).add(queue.operator(), name, scope, expires)
    typer.echo(jsons.dumps({"token": token}) if json else token)


@app.command()
def revoke(token: Annotated[str, typer.Argument(help="Its id, as `pqkit tokens list` shows it.")]) -> None:
    """Revoke a token."""
    queue = get_queue(create=False)
    Tokens(queue.database).revoke(queue.operator(), token)
    out.say(f"token {token} is revoked")
