"""The filter options of commands on jobs.

They need the queries, which other commands do not load.
"""

from typing import Annotated

import typer

from pqkit.cli.inputs import Queue, State, seconds
from pqkit.domain.states import JobState
from pqkit.queries import Filter


def make_filter(
    *,
    state: Annotated[list[JobState] | None, State] = None,
    queue: Queue = None,
    task: Annotated[str | None, typer.Option(help="Only jobs of this task.", show_default=False)] = None,
    older_than: Annotated[
        float | None,
        typer.Option(
            parser=seconds,
            metavar="AGE",
            help="Only jobs created at least this long ago: 30s, 5m, 2h, 7d.",
            show_default=False,
        ),
    ] = None,
    newer_than: Annotated[
        float | None,
        typer.Option(
            parser=seconds, metavar="AGE", help="Only jobs created less than this long ago.", show_default=False
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Only jobs with this text in their arguments.", show_default=False)
    ] = None,
    error: Annotated[
        str | None, typer.Option(help="Only jobs with this text in their last error.", show_default=False)
    ] = None,
) -> Filter:
    """The filter options of every command on jobs."""
    return Filter(tuple(state or ()), queue, task, older_than, newer_than, text, error)
