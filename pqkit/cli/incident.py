"""``pqkit incident``: the first page of a post-mortem, without a notebook kernel."""

from typing import Annotated

import typer

from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, back_to, seconds
from pqkit.settings import settings


def incident(
    *,
    since: Annotated[int, typer.Option(parser=back_to, metavar="TIME", help="When it began: 2h ago, or an ISO time.")],
    until: Annotated[
        int | None, typer.Option(parser=back_to, metavar="TIME", help="When it was over; default: now.")
    ] = None,
    queue: Annotated[list[str] | None, typer.Option(help="Only this queue; repeatable.")] = None,
    baseline: Annotated[
        float | None,
        typer.Option(
            parser=seconds,
            metavar="TIME",
            help="Length of the time before it to compare with; default: the same length.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Report on a span of time: first changes, failures, dead workers, operators' actions, and
    the commands to type next.

    It reads a copy that it makes, so the queue itself is not slowed down; --url may name a backup.
    """
    from pqkit import lab  # noqa: PLC0415 - a command loads its own needs
    from pqkit.incidents import investigate, snapshot, suggested_commands  # noqa: PLC0415
    from pqkit.queries.time_range import Span  # noqa: PLC0415

    place = lab.scratch()
    database = snapshot(settings().url, place.folder)
    found = investigate(database, Span(since, until or database.now(), tuple(queue or ())), baseline)
    database.close()
    place.remove()
    if json:
        out.show_json(
            {
                "headlines": found.headlines,
                "changes": [{"at": change.at, "what": change.words} for change in found.changes],
                "affected": found.affected,
                "commands": suggested_commands.commands(found),
            }
        )
        return
    for line in found.headlines or ["nothing failed, nobody died"]:
        out.say(line, "red" if found.headlines else "green")
    out.show(out.table(("when", "~what changed"), [(out.moment(c.at), c.words) for c in found.changes]))
    acted = [(out.moment(action.at), action.who, action.verb, action.reason) for action in found.actions]
    out.show(out.table(("when", "who", "did", "~why"), acted))
    out.say("next:")
    for line in suggested_commands.commands(found):
        out.say(f"  {line}")
