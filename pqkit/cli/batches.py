"""``pqkit batches``: jobs that were queued together, and their completion job."""

from typing import Annotated

import typer

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson
from pqkit.queries import BatchView
from pqkit.queries.why import why
from pqkit.queue import get_queue

app = typer.Typer(no_args_is_help=True, help="List and show batches.")


@app.command("list")
def list_batches(
    limit: Annotated[int, typer.Option(min=1, help="Maximum number to show.")] = 20, json: AsJson = False
) -> None:
    """List the newest batches with their members' progress and their completion job's state."""
    database = get_queue(create=False).database
    found = queries.batches(database, limit)
    if json:
        out.show_json([out.plain(one) for one in found])
        return
    now = database.now()
    rows = ((b.id, b.name, _members(b), b.on_member_fail, b.state, out.ago(b.created_at, now)) for b in found)
    out.show(out.table((">batch", "name", "~members", "if one fails", "completion job", "created"), rows))


@app.command()
def show(
    batch: Annotated[int, typer.Argument(help="The batch: the id of its completion job.")], json: AsJson = False
) -> None:
    """Show one batch: its members, and why its completion job waits."""
    database = get_queue(create=False).database
    found = queries.batch(database, batch)
    members = queries.listed(database, queries.members(database, batch))
    if json:
        out.show_json({**out.plain(found), "jobs": [out.plain(member, {"key"}) for member in members]})
        return
    out.say(f"batch {found.id} {found.name}: {_members(found)}; its completion job is {found.state}")
    out.say(why(database, batch))
    out.show(out.table((">job", "task", "state", "~error"), ((m.id, m.task, m.state, m.error) for m in members)))


def _members(batch: BatchView) -> str:
    return out.in_words((state, count) for state, count in batch.members.items()) or "no members"
