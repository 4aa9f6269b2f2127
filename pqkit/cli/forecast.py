"""``pqkit forecast``: when each queue will no longer have a pending job."""

import typer

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson
from pqkit.domain.durations import SECOND
from pqkit.queries import Forecast, Outlook
from pqkit.queue import get_queue


def forecast(json: AsJson = False) -> None:
    """Estimate when each queue will be empty, with an interval and the past hit rate."""
    database = get_queue(create=False).database
    found, now = queries.outlook(database), database.now()
    if json:
        out.show_json({**out.plain(found), "forecasts": [out.plain(each) for each in found.forecasts]})
    elif not found.forecasts:
        typer.echo("No forecast: no queue has had enough pending jobs for a minute while a worker ran.")
    else:
        rows = ((each.queue, each.pending, words(each, now)) for each in found.forecasts)
        out.show(out.table(("queue", ">pending", "~drains"), rows))
    typer.echo(score(found), err=json)


def words(each: Forecast, now: int) -> str:
    """The drain time in words."""
    if each.likely_at is None:
        return "will not drain at this rate"
    least, most = (_left(moment, now) for moment in (each.earliest_at, each.latest_at))
    return f"in about {_left(each.likely_at, now)} ({least} to {most})"


def _left(moment: int | None, now: int) -> str:
    return "never" if moment is None else out.span(max(0, moment - now) / SECOND)


def score(found: Outlook) -> str:
    """The accuracy of past forecasts; 80 % of the intervals should be right."""
    if found.hit_rate is None:
        return "None has been judged by what came yet."
    return f"Of the last {found.judged} forecasts {found.hit_rate:.0%} came true; 80% should."
