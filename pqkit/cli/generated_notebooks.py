"""``pqkit regression`` and ``pqkit jobs notebook``: generated notebooks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pqkit.cli import output as out
from pqkit.cli.inputs import back_to
from pqkit.domain.durations import SECOND
from pqkit.domain.payload import INT_MAX
from pqkit.notebook.generate import job_notebook, regression_notebook
from pqkit.notebook.paths import first_folder
from pqkit.queries import job as read_job
from pqkit.queries.time_range import Span
from pqkit.queue import get_queue
from pqkit.settings import settings


def regression(
    *,
    since: Annotated[int, typer.Option(parser=back_to, metavar="TIME", help="When it began: 2h ago, or an ISO time.")],
    until: Annotated[
        int | None, typer.Option(parser=back_to, metavar="TIME", help="When it was over; default: now.")
    ] = None,
    queue: Annotated[list[str] | None, typer.Option(help="Only this queue; repeatable.")] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write; default: in the folder of notebooks.")
    ] = None,
) -> None:
    """Write a notebook that replays a span of the record, with its failures and crashes, and
    asserts that all jobs end well.
    """
    from pqkit.incidents.replay_record import story_of  # noqa: PLC0415 - a command loads its own needs

    asked = get_queue(create=False)
    database = asked.database
    story = story_of(database, Span(since, until or database.now(), tuple(queue or ())))
    moment = datetime.fromtimestamp(since / SECOND, UTC)
    target = out_file or first_folder() / f"regression-{moment:%Y%m%d-%H%M%S}.ipynb"
    beside = target.with_suffix(".json")
    about = f"From {moment:%Y-%m-%d %H:%M:%S} UTC on: {len(story.jobs)} jobs, {len(story.deaths)} dead workers."
    story.write(beside)  # first: the notebook needs its story
    asked.operator().note("write_notebook", kind="regression", file=target.name)
    regression_notebook(target, beside.name, about, story.speed)
    out.say(f"{target} plays {out.many(len(story.jobs))} and {out.many(len(story.deaths), 'death')} again")


def notebook(
    job: Annotated[int, typer.Argument(max=INT_MAX, help="The job's id.")],
    *,
    out_file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write; default: in the folder of notebooks.")
    ] = None,
) -> None:
    """Write a notebook that opens a job: arguments, settings, log, and a dry run of its handler
    on a copy of the queue.
    """
    queue = get_queue(create=False)
    read_job(queue.database, job)
    target = out_file or first_folder() / f"job-{job}.ipynb"
    queue.operator().note("write_notebook", kind="job", job=job, file=target.name)
    job_notebook(target, job, settings().tasks, Path.cwd())
    out.say(f"{target} opens job {job}")
