"""``pqkit retries`` and ``pqkit capacity``: evaluate policies and plans on recorded runs."""

from typing import Annotated

import typer

from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput, back_to, seconds
from pqkit.domain.queue_limits import QueueOptions
from pqkit.domain.retry_policy import DEFAULT_MAX_RETRIES
from pqkit.queries.time_range import Span, runs
from pqkit.queue import get_queue


def retries(
    *,
    backoff: Annotated[
        str, typer.Option(metavar="1,2,4", help="Another policy to try on the record: seconds before each retry.")
    ] = "1,2,4",
    max_retries: Annotated[
        int, typer.Option(min=0, help="Maximum number of retries of that policy.")
    ] = DEFAULT_MAX_RETRIES,
    queue: Annotated[list[str] | None, typer.Option(help="Only runs of this queue; repeatable.")] = None,
    since: Annotated[
        int | None, typer.Option(parser=back_to, metavar="TIME", help="Only runs since: 2h, 7d, or an ISO time.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show which retries saved a job, and the cost and losses of another retry policy."""
    from pqkit.planning.retry_analysis import rescues, what_if  # noqa: PLC0415 - a command loads its own needs

    recorded = runs(get_queue(create=False).database, Span(since, None, queue or []))
    chances, answer = rescues(recorded), what_if(recorded, _delays(backoff), max_retries)
    if json:
        out.show_json({"attempts": [c._asdict() for c in chances], "policy": answer._asdict()})
        return
    rows = [(c.attempt, c.jobs, c.completed, f"{c.share:.1%}") for c in chances]
    out.show(out.table((">attempt", ">jobs", ">completed", ">share"), rows))
    out.say(
        f"with {max_retries} retries at most, after {backoff} s: {answer.rescued} of {answer.jobs} jobs completed, "
        f"{answer.lost} more lost, {answer.runs_saved} of {answer.runs} runs saved, "
        f"retried ones done {abs(answer.sooner):.1f} s {'sooner' if answer.sooner >= 0 else 'later'}"
    )


def _delays(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise BadInput(f"--backoff takes seconds such as 1,2,4, not {text!r}") from None


def capacity(
    *,
    workers: Annotated[float, typer.Option(min=0.01, help="Multiple of the recorded workers.")] = 1.0,
    arrivals: Annotated[float, typer.Option(min=0.01, help="Multiple of the recorded jobs.")] = 1.0,
    lease: Annotated[float | None, typer.Option(parser=seconds, metavar="TIME", help="Another lease time.")] = None,
    concurrency: Annotated[
        list[str] | None, typer.Option(metavar="QUEUE=N", help="At most N jobs of a queue at once; repeatable.")
    ] = None,
    since: Annotated[
        int | None, typer.Option(parser=back_to, metavar="TIME", help="The record to learn from: since 2h, or ISO.")
    ] = None,
    until: Annotated[int | None, typer.Option(parser=back_to, metavar="TIME", help="End of the span.")] = None,
    json: AsJson = False,
) -> None:
    """Estimate how long jobs would wait with other workers, loads or limits; exit code 1 if the
    model fails its test on the second half of the record.
    """
    from pqkit.planning.capacity import back_test, plan, record_of  # noqa: PLC0415

    limits = dict(map(_limit, concurrency or []))
    record = record_of(get_queue(create=False).database, Span(since, until))
    test = back_test(record)
    answer = (
        plan(record, test, workers=workers, arrivals=arrivals, lease=lease, limits=limits) if test.trusted else None
    )
    if json:
        out.show_json({"trusted": test.trusted, "words": test.words, "answer": answer and answer._asdict()})
    else:
        out.say(test.words, "" if test.trusted else "red")
    if answer is None:
        raise typer.Exit(1)
    if not json:
        out.say(f"{answer.asked}: slots {answer.busy:.0%} busy")
        out.say(f"mean wait {_between(answer.mean_low, answer.mean, answer.mean_high)}")
        out.say(f"95 % wait at most {_between(answer.p95_low, answer.p95, answer.p95_high)}")


def _between(low: float, middle: float, high: float) -> str:
    return f"{out.brief(middle)} ({out.brief(low)} to {out.brief(high)})"


def _limit(text: str) -> tuple[str, QueueOptions]:
    name, _, number = text.partition("=")
    if not (name and number.isdecimal()):
        raise BadInput(f"--concurrency takes a queue and a number, such as mail=2, not {text!r}")
    return name, {"concurrency": int(number)}
