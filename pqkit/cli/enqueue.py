"""``pqkit enqueue``: queue jobs from a shell."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Annotated, Any, BinaryIO

import typer

from pqkit.cli.inputs import AsJson, BadInput, arguments, json_object, moment, seconds
from pqkit.cli.output import many, say, show_json
from pqkit.domain.tasks import find
from pqkit.errors import PqkitError
from pqkit.jobs.spec import make_order
from pqkit.queue import get_queue
from pqkit.settings import settings

BATCH = 1_000


def enqueue(
    *,
    task: Annotated[str, typer.Argument(help="The task's name.")],
    arg: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One argument, JSON where it parses, otherwise text; repeatable."),
    ] = None,
    args: Annotated[str | None, typer.Option(metavar="JSON", help="All arguments as one JSON object.")] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="One call per line of standard input, each a JSON object of arguments.")
    ] = False,
    queue: Annotated[str | None, typer.Option(help="Queue; default: the task's own.")] = None,
    priority: Annotated[int, typer.Option(help="Lower goes first.")] = 0,
    delay: Annotated[float | None, typer.Option(parser=seconds, metavar="TIME", help="Due in 30s, 5m, 2h, 7d.")] = None,
    run_at: Annotated[
        datetime | None, typer.Option(parser=moment, metavar="ISO", help="Due at 2030-01-31T08:00+01:00.")
    ] = None,
    unique_key: Annotated[
        str | None, typer.Option(help="At most one unfinished job of the queue has this key.")
    ] = None,
    unique_while: Annotated[
        str | None, typer.Option(metavar="unfinished|waiting|kept", help="How long a job has its key.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give a waiting job with the key these arguments.")
    ] = False,
    debounce: Annotated[
        float | None,
        typer.Option(
            parser=seconds, metavar="TIME", help="Replace, and make the job due this long after the last call."
        ),
    ] = None,
    limit_key: Annotated[
        str | None, typer.Option(help="Jobs with the same key share the queue's key concurrency.")
    ] = None,
    depends_on: Annotated[
        list[int] | None, typer.Option(metavar="JOB", help="Wait until this job has ended; repeatable.")
    ] = None,
    if_failed: Annotated[
        str | None, typer.Option(metavar="hold|continue|cancel", help="What to do if such a job has not completed.")
    ] = None,
    max_retries: Annotated[int | None, typer.Option(min=0, help="Retries after the first run.")] = None,
    timeout: Annotated[
        float | None, typer.Option(parser=seconds, metavar="TIME", help="How long one run may take.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Queue a job; with --lines, one for each line of standard input.

    Where the setting "tasks" names your modules, the call is checked against the task's signature.

    Lines are queued 1,000 at a time, each thousand whole or not at all.
    A bad line stops that: the message names it and says which are queued.
    """
    options = _options(queue=queue, delay=delay, run_at=run_at, max_retries=max_retries, timeout=timeout)
    options |= _options(limit_key=limit_key, depends_on=depends_on or None, if_failed=if_failed)
    load_tasks(task)
    if lines:
        if arg or args is not None or unique_key is not None:
            raise BadInput("--lines takes arguments from standard input only, and no --unique-key")
        ids = _enqueue_lines(task, _lines_of(sys.stdin.buffer), options | {"priority": priority})
        show_json({"ids": ids}) if json else say(f"{many(len(ids))} queued")
        return
    options |= _options(unique_key=unique_key, unique_while=unique_while, debounce=debounce, replace=replace or None)
    job = _enqueue_one(task, arguments(arg or [], args), options | {"priority": priority})
    if json:
        show_json({"id": job.id, "existing": job.existing})
    else:
        say(f"job {job.id} has this key already" if job.existing else f"job {job.id} queued")


def _options(**options: Any) -> dict[str, Any]:
    """The options that were given; the task's own policy sets the rest."""
    return {name: value for name, value in options.items() if value is not None}


def load_tasks(name: str | None) -> None:
    """Import the modules of the setting ``tasks`` to check the call; warn if none has the task."""
    modules = settings().tasks
    if not modules or name is None:
        return
    from pqkit.worker.task_import import import_tasks  # noqa: PLC0415 - only where tasks are declared

    import_tasks(modules)
    if find(name) is None:
        typer.echo(f"pqkit: {', '.join(modules)} has no task {name!r}; it waits for a worker that knows it", err=True)


def _enqueue_one(task: str, args: dict[str, Any], options: dict[str, Any]) -> Any:
    try:
        return get_queue().enqueue(task, args, **options)
    except ValueError as error:
        raise BadInput(str(error)) from None


def _lines_of(source: BinaryIO) -> Iterator[str]:
    """Decode lines; invalid UTF-8 becomes text that the payload rules refuse, naming the line."""
    return (line.decode(errors="surrogateescape") for line in source)


def _enqueue_lines(task: str, source: Iterable[str], options: dict[str, Any]) -> list[int]:
    queue, ids, queued = get_queue(), list[int](), 0
    numbered = ((number, line) for number, line in enumerate(source, 1) if line.strip())
    while batch := list(islice(numbered, BATCH)):
        try:
            ids += queue.enqueue_many(task, list(_calls(task, batch, options)), **options)
        except ValueError as error:
            done = f"lines up to {queued} are queued" if queued else "nothing is queued"
            raise BadInput(f"{error}; {done}") from None
        queued = batch[-1][0]
    return ids


def _calls(task: str, batch: list[tuple[int, str]], options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The arguments in these lines; BadInput names the first line that does not fit the task."""
    order = make_order(task, now=0, **options)
    for number, line in batch:
        args = json_object(line, f"line {number}")
        try:
            order.call(args)
        except (PqkitError, ValueError) as error:
            raise BadInput(f"line {number}: {error}") from None
        yield args
