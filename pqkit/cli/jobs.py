"""``pqkit jobs``: list jobs, and change them after a preview and a confirmation."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.filter_options import make_filter
from pqkit.cli.inputs import All, AsJson, BadInput, Reason, Yes, arguments, with_options
from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.payload import INT_MAX
from pqkit.domain.states import JobState, sources
from pqkit.errors import NotFound
from pqkit.queries import Filter, JobDetail, JobView
from pqkit.queue import Done, Operator, get_queue

app = typer.Typer(no_args_is_help=True, help="List, show and change jobs.")
PageSize = Annotated[int, typer.Option(min=1, help="How many at most.")]
TO_REVIEW = (JobState.FAILED, JobState.UNPROCESSABLE)
SAMPLE = 5
EVERY = 2**62
LONGEST = 30.0
"""Seconds after which a text search stops."""


@app.command("list")
@with_options(make_filter)
def list_jobs(wanted: Filter, *, limit: PageSize = 50, json: AsJson = False) -> None:
    """List jobs, newest first; with --state, processing ones first, then pending, delayed and
    ended ones.
    """
    _list(wanted, limit, json=json)


@app.command()
@with_options(make_filter)
def failed(wanted: Filter, *, limit: PageSize = 50, json: AsJson = False) -> None:
    """List jobs that wait for a person's review: failed and unprocessable ones."""
    _list(Filter(**{**vars(wanted), "states": wanted.states or TO_REVIEW}), limit, json=json)


def _list(wanted: Filter, limit: int, *, json: bool) -> None:
    database = get_queue(create=False).database
    page = _look(database, wanted, limit)
    if json:
        out.show_json([out.plain(job, {"key"}) for job in page])
    elif page:
        out.show(_table(page, database.now()))
    else:
        typer.echo("no job matches", err=True)


def _look(database: Database, wanted: Filter, limit: int) -> list[JobView]:
    """Up to ``limit`` jobs; a text search returns those found within ``LONGEST`` seconds."""
    end, found = time.monotonic() + LONGEST, list[JobView]()
    before = None
    while True:
        page = queries.page(database, wanted, limit=limit - len(found), before=before)
        found, before = found + page.jobs, page.next
        if before is None or len(found) >= limit:
            return found
        if time.monotonic() > end:
            typer.echo(f"pqkit: not all jobs were searched in {LONGEST:g} s: narrow it by a state or --task", err=True)
            return found


def _table(page: list[JobView], now: int) -> Any:
    columns = (">id", "state", "queue", "task", ">prio", ">runs", "when", "worker", "~error", "~args")
    return out.table(columns, (_row(job, now) for job in page))


def _row(job: JobView, now: int) -> tuple[object, ...]:
    worker = f"for {job.assigned_to}" if job.assigned_to else job.worker
    where = (job.id, job.state, out.short(job.queue), out.short(job.task), job.priority or "", job.attempt or "")
    return (*where, _when(job, now), worker, job.error, job.args)


def _when(job: JobView, now: int) -> str:
    """The most relevant time for the job's state."""
    match job.state:
        case JobState.PENDING:
            return f"queued {out.ago(job.created_at, now)}"
        case JobState.PROCESSING:
            asked = ", cancel asked" if job.cancel_requested_at else ""
            return f"since {out.span((now - (job.claimed_at or now)) / SECOND)}{asked}"
        case JobState.SCHEDULED | JobState.RETRYING:
            return f"due {out.ago(job.due_at, now)}"
        case _:
            return f"ended {out.ago(job.finished_at, now)}"


@app.command()
def show(
    job: Annotated[int, typer.Argument(max=INT_MAX, help="Job id.")],
    *,
    decrypt: Annotated[
        bool, typer.Option("--decrypt", help="Show secrets too, and what is encrypted, with the keys given here.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show one job: arguments, attempts, log lines, actions of operators, result."""
    database = get_queue(create=False).database
    detail = queries.job(database, job, decrypt=decrypt)
    if json:
        rest = out.plain(detail, {"job"})
        out.show_json({**out.plain(detail.job, {"key"}), **rest})
    else:
        _show(detail, database.now())


def _show(detail: JobDetail, now: int) -> None:
    out.show(out.table(("job", f"~{detail.job.id}"), _facts(detail, now)))
    runs = [
        (run.attempt, run.outcome, run.worker, out.moment(run.claimed_at), _took(run), _last_line(run.error))
        for run in detail.attempts
    ]
    lines = [(line.attempt, out.moment(line.at), line.line) for line in detail.lines]
    actions = [(out.moment(act.at), act.who, act.verb, act.reason, act.detail) for act in detail.actions]
    _section((">run", "outcome", "worker", "claimed", ">took", "~error"), runs)
    _section((">run", "at", "~log"), lines)
    _section(("at", "who", "did", "~why", "~detail"), actions)
    refused = [(run, out.moment(at), worker, outcome) for at, run, worker, outcome in detail.refusals]
    _section((">run", "refused at", "worker", "~its finish, refused because another had the job"), refused)
    if detail.attempts and detail.attempts[-1].error:
        out.say(f"error of run {detail.attempts[-1].attempt}:")
        out.show(out.whole(detail.attempts[-1].error))


def _section(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        out.show(out.table(columns, rows))


def _facts(detail: JobDetail, now: int) -> list[tuple[str, object]]:
    job = detail.job
    progress = f"{detail.progress.fraction:.0%} {detail.progress.note}" if detail.progress else None
    facts: list[tuple[str, object]] = [
        ("state", job.state),
        ("when", _when(job, now)),
        ("task", job.task),
        ("queue", job.queue),
        ("priority", job.priority),
        ("args", job.args),
        ("created", f"{out.moment(job.created_at)} ({out.ago(job.created_at, now)})"),
        ("retries", f"{job.retries} of {job.max_retries} used"),
        ("crashes", job.crashes or None),
        ("timeout", detail.timeout and out.span(detail.timeout)),
        ("unique key", detail.unique_key),
        ("assigned to", job.assigned_to),
        ("worker", job.worker),
        ("progress", progress),
        ("cancel", "it came too late: the run ended by itself" if detail.late_cancel else None),
        ("result", detail.result),
        ("error", job.error),
    ]
    return [
        (name, value if isinstance(value, JobState) else out.whole(value))
        for name, value in facts
        if value not in {None, ""}
    ]


def _took(run: queries.AttemptView) -> str:
    return out.span((run.ended_at - (run.started_at or run.claimed_at)) / SECOND)


def _last_line(error: str | None) -> str | None:
    return queries.last_line(error) or None if error else None


class Chosen(NamedTuple):
    """The options of a command on jobs: which jobs, why, and how to proceed."""

    jobs: list[int]
    wanted: Filter
    everything: bool
    limit: int | None
    reason: str | None
    yes: bool
    json: bool


@with_options(make_filter)
def _choose(
    wanted: Filter,
    *,
    jobs: Annotated[
        list[int] | None, typer.Argument(max=INT_MAX, metavar="JOB", help="Job ids.", show_default=False)
    ] = None,
    everything: All = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of jobs to change.", show_default=False)
    ] = None,
    reason: Reason = None,
    yes: Yes = False,
    json: AsJson = False,
) -> Chosen:
    return Chosen(jobs or [], wanted, everything, limit, reason, yes, json)


@app.command()
@with_options(_choose)
def resubmit(chosen: Chosen) -> None:
    """Run jobs again now, with a fresh budget of retries; their history stays."""
    _act("resubmit", Operator.resubmit, chosen)


@app.command()
@with_options(_choose)
def cancel(chosen: Chosen) -> None:
    """Cancel jobs: waiting ones at once, running ones are asked to stop."""
    _act("cancel", Operator.cancel, chosen)


@app.command("mark-failed")
@with_options(_choose)
def mark_failed(chosen: Chosen) -> None:
    """Mark waiting jobs as failed."""
    _act("mark_failed", Operator.mark_failed, chosen)


@app.command()
@with_options(_choose)
def delete(chosen: Chosen) -> None:
    """Delete jobs that have ended, with their history."""
    _act("delete", Operator.delete, chosen)


@app.command()
@with_options(_choose)
def assign(
    chosen: Chosen,
    *,
    worker: Annotated[str | None, typer.Option(help="The only worker that may take them.", show_default=False)] = None,
    anyone: Annotated[bool, typer.Option("--anyone", help="Let all workers take them again.")] = False,
) -> None:
    """Assign pending jobs to one worker: pqkit jobs assign 12 13 --worker worker_03."""
    if (worker is None) is not anyone:
        raise BadInput("say who takes the jobs: --worker NAME, or --anyone")
    if worker is not None and not chosen.yes:
        _check_lives(worker)
    _act("assign", partial(Operator.assign, worker=worker), chosen)


@app.command("set-priority")
@with_options(_choose)
def set_priority(chosen: Chosen, *, priority: Annotated[int, typer.Option(help="A lower number goes first.")]) -> None:
    """Give waiting jobs another priority: pqkit jobs set-priority 12 --priority=-5."""
    _act("set_priority", partial(Operator.set_priority, priority=priority), chosen)


@app.command()
def replace(
    job: Annotated[int, typer.Argument(max=INT_MAX, help="Job id.")],
    *,
    arg: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="One argument; repeatable.")] = None,
    args: Annotated[str | None, typer.Option(metavar="JSON", help="All arguments as one JSON object.")] = None,
    reason: Reason = None,
) -> None:
    """Queue the same call with other arguments, and cancel the old job unless it is completed."""
    new = get_queue(create=False).operator().replace(job, arguments(arg or [], args), reason=reason)
    out.say(f"job {new} is queued instead of job {job}")


def _check_lives(worker: str) -> None:
    living = [found.name for found in queries.workers(get_queue(create=False).database)]
    if worker not in living:
        raise NotFound(
            f"no living worker is called {worker!r} (living: {out.names(living)}); --yes assigns to it anyway"
        )


def _act(verb: str, act: Callable[..., Done], chosen: Chosen) -> None:
    """Freeze the ids, show a preview, ask, act, and report; exit code 1 if any job was refused."""
    queue = get_queue(create=False)
    if unfit := [state for state in chosen.wanted.states if state not in sources(verb)]:
        raise BadInput(f"{verb.replace('_', ' ')} is for jobs that are {', '.join(sources(verb))}, not {unfit[0]}")
    ids = _frozen(queue.database, chosen)[: chosen.limit]
    words = verb.replace("_", " ")
    if ids:
        preview = partial(_preview, database=queue.database, verb=verb, ids=ids)
        out.ask(f"{words} {out.many(len(ids))}?", yes=chosen.yes, preview=preview)
    else:
        typer.echo(f"pqkit: {queries.why_none(queue.database, chosen.wanted)}", err=True)
    done = act(queue.operator(), ids, reason=chosen.reason)
    if chosen.json:
        out.show_json(done._asdict())
    else:
        _report(words, done)
    if done.refused:
        raise typer.Exit(1)


def _frozen(database: Database, chosen: Chosen) -> list[int]:
    """The ids to act on, fixed before the question: those given that match the filter, if any."""
    given, wanted = chosen.jobs, chosen.wanted
    if given and chosen.everything:
        raise BadInput("name job ids or say --all, not both")
    if wanted == Filter() and given:
        return list(dict.fromkeys(given))
    if wanted == Filter() and not chosen.everything:
        raise BadInput("name job ids, or say which by --state, --queue, --task, --text, --error or an age, or --all")
    matching = queries.select_jobs(database, wanted, EVERY, everything=chosen.everything)
    return sorted(set(given).intersection(matching)) if given else matching


def _preview(to: Console, database: Database, verb: str, ids: list[int]) -> None:
    counts = queries.tally(database, ids)
    missing = len(ids) - sum(counts.values())
    to.print(f"{out.many(len(ids))}: {out.in_words([*counts.items(), ('not there', missing)])}")
    unfit = {state: count for state, count in counts.items() if state not in sources(verb)}
    if unfit:
        to.print(f"will be refused: {out.in_words(unfit.items())}")
    if sample := queries.listed(database, ids[:SAMPLE]):
        to.print(_table(sample, database.now()))
    if len(ids) > SAMPLE:
        to.print(f"… and {len(ids) - SAMPLE} more")


def _report(words: str, done: Done) -> None:
    out.say(f"{words}: {out.many(len(done.changed))} changed, {len(done.refused)} refused")
    for reason, count in Counter(done.refused.values()).most_common() if len(done.refused) > SAMPLE else ():
        out.say(f"  {count} refused: {reason}")
    for job_id, reason in done.refused.items() if len(done.refused) <= SAMPLE else ():
        out.say(f"  job {job_id} refused: {reason}")
