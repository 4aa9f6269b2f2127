"""``pqkit retries``: what the record of runs says about a retry policy."""

from typing import Annotated

import typer

from pqkit.cli import output as out
from pqkit.cli.inputs import AsJson, BadInput, back_to
from pqkit.queries.span import Span, runs
from pqkit.queue import get_queue
from pqkit.retry import DEFAULT_MAX_RETRIES


def retries(
    *,
    backoff: Annotated[
        str, typer.Option(metavar="1,2,4", help="Another policy to try on the record: seconds before each retry.")
    ] = "1,2,4",
    max_retries: Annotated[int, typer.Option(min=0, help="And how many retries it allows.")] = DEFAULT_MAX_RETRIES,
    queue: Annotated[list[str] | None, typer.Option(help="Only runs of this queue; repeatable.")] = None,
    since: Annotated[
        int | None, typer.Option(parser=back_to, metavar="TIME", help="Only runs since: 2h, 7d, or an ISO time.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show which attempts ever rescued a job, and what another retry policy would have cost and lost."""
    from pqkit.lab.policy import rescues, what_if  # noqa: PLC0415 - a command loads its own needs

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
