"""``pqkit schedules``: recurring jobs."""

from datetime import datetime
from typing import Annotated, Any

import typer

from pqkit import queries
from pqkit.cli import output as out
from pqkit.cli.enqueue import load_tasks
from pqkit.cli.inputs import AsJson, BadInput, Reason, Yes, arguments, back_to, moment, seconds, with_options
from pqkit.domain.durations import SECOND
from pqkit.domain.schedule_times import Missed, Overlap, Schedule, moment_in
from pqkit.queue import Schedules, get_queue

app = typer.Typer(no_args_is_help=True, help="Add, list, show, edit, pause, backfill, run and delete schedules.")
Name = Annotated[str, typer.Argument(help="The schedule's name.")]
At = Annotated[datetime | None, typer.Option(parser=moment, metavar="ISO", help="Once, at 2030-01-31T08:00+01:00.")]
Span = typer.Option(parser=seconds, metavar="TIME", help="Every 5s, 10m, 1h … counted from now.")
DETAILS = ("cron", "every", "zone", "missed", "missed_cap", "overlap", "queue", "priority", "max_retries", "timeout")


def _options(
    *,
    cron: Annotated[str | None, typer.Option(help="Five fields, or six with seconds first: '30 2 * * *'.")] = None,
    every: Annotated[float | None, Span] = None,
    at: At = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of cron, such as Europe/Berlin. Default: UTC.")] = None,
    arg: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="One argument; the value {slot} stands for the slot's time; repeatable."
        ),
    ] = None,
    args: Annotated[str | None, typer.Option(metavar="JSON", help="All arguments as one JSON object.")] = None,
    queue: Annotated[str | None, typer.Option(help="Queue; default: the task's own.")] = None,
    priority: Annotated[int | None, typer.Option(help="Lower goes first.")] = None,
    max_retries: Annotated[int | None, typer.Option(min=0, help="Retries after the first run.")] = None,
    timeout: Annotated[
        float | None, typer.Option(parser=seconds, metavar="TIME", help="How long one run may take.")
    ] = None,
    missed: Annotated[
        str | None,
        typer.Option(
            metavar="skip|latest|all[:N]", help="What to do with slots that no worker ticked in time. Default: latest."
        ),
    ] = None,
    overlap: Annotated[
        Overlap | None, typer.Option(help="What to do with a slot while the job before is unfinished. Default: skip.")
    ] = None,
) -> dict[str, Any]:
    """The options of a schedule that were given, as ``add`` and ``edit`` have them."""
    said: dict[str, Any] = {
        "cron": cron,
        "every": every,
        "at": None if at is None else round(at.timestamp() * SECOND),
        "zone": zone,
        "args": arguments(arg or [], args) if arg or args is not None else None,
        "queue": queue,
        "priority": priority,
        "max_retries": max_retries,
        "timeout": timeout,
        "overlap": overlap,
        **_missed(missed),
    }
    return {name: value for name, value in said.items() if value is not None}


def _missed(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    policy, colon, cap = text.partition(":")
    if policy not in set(Missed) or (colon and (policy != Missed.ALL or not cap.isdecimal())):
        raise BadInput(f"--missed takes skip, latest, all or all:N, not {text!r}")
    return {"missed": Missed(policy), **({"missed_cap": int(cap)} if colon else {})}


def _verbs() -> Schedules:
    return get_queue(create=False).schedules()


@app.command()
@with_options(_options)
def add(said: dict[str, Any], name: Name, task: Annotated[str, typer.Argument(help="The task's name.")]) -> None:
    """Add a schedule: cron, an interval, or one moment."""
    load_tasks(task)
    new = _do(lambda: get_queue().schedules().add(name, task=task, **said))
    out.say(f"schedule {name} added: {_when(new)}, next {_slot(new, new.next_at)}")


@app.command()
@with_options(_options)
def edit(
    said: dict[str, Any],
    name: Name,
    task: Annotated[str | None, typer.Option(help="Another task.")] = None,
    reason: Reason = None,
) -> None:
    """Change the given settings of a schedule; the rest stays. The change applies at once."""
    load_tasks(task)
    said |= {} if task is None else {"task": task}
    if not said:
        raise BadInput("say what is to change, such as --every 10m; pqkit schedules show NAME shows what holds")
    new = _do(lambda: _verbs().edit(name, reason=reason, **said))
    out.say(f"schedule {name}: {_when(new)}, next {_slot(new, new.next_at)}")


@app.command("list")
def list_schedules(json: AsJson = False) -> None:
    """List schedules: their times, next slots, tasks and queues."""
    database = get_queue(create=False).database
    found = queries.schedules(database)
    if json:
        out.show_json([out.plain(one) for one in found])
        return
    now = database.now()
    rows = (
        (s.name, _when(s), out.ago(s.next_at, now) if not s.paused_at else "", s.task, s.queue, _pause(s))
        for s in found
    )
    out.show(out.table(("schedule", "when", "next", "task", "queue", "~paused"), rows))


@app.command()
def show(
    name: Name,
    slots: Annotated[int, typer.Option(min=1, max=1000, help="Number of past slots to show.")] = 10,
    json: AsJson = False,
) -> None:
    """Show one schedule: settings, coming slots, and the last slots with their outcomes and
    reasons.
    """
    database = get_queue(create=False).database
    found, past = queries.schedule(database, name), queries.slots(database, name, slots)
    coming = queries.coming(found)
    if json:
        out.show_json(
            {**out.plain(found), "coming": [_slot(found, at) for at in coming], "slots": [*map(out.plain, past)]}
        )
        return
    facts = [("task", found.task), ("args", found.args), ("paused", _pause(found) or None)]
    facts += [(detail.replace("_", " "), getattr(found, detail)) for detail in DETAILS]
    out.show(out.table(("schedule", f"~{found.name}"), [fact for fact in facts if fact[1] is not None]))
    out.show(out.table(("to come",), [(_slot(found, at),) for at in coming]))
    rows = [(_slots(found, view), view.job_id, view.state, view.reason) for view in past]
    out.show(out.table(("slot", ">job", "state", "~reason"), rows))


@app.command()
def pause(name: Name, reason: Reason = None) -> None:
    """Pause a schedule: it queues nothing until it is resumed."""
    _verbs().pause(name, reason=reason)
    out.say(f"schedule {name} paused")


@app.command()
def resume(name: Name, reason: Reason = None) -> None:
    """Resume a schedule with its next slot; slots during the pause are skipped."""
    _verbs().resume(name, reason=reason)
    out.say(f"schedule {name} resumed")


@app.command()
def run(name: Name, reason: Reason = None) -> None:
    """Queue a schedule's job now, regardless of its times."""
    out.say(f"job {_verbs().run(name, reason=reason)} queued")


@app.command()
def backfill(
    name: Name,
    start: Annotated[int, typer.Option("--from", parser=back_to, metavar="TIME", help="7d ago, or 2030-01-31T08:00Z.")],
    end: Annotated[
        int | None, typer.Option("--to", parser=back_to, metavar="TIME", help="Before this; default: now.")
    ] = None,
    reason: Reason = None,
    yes: Yes = False,
) -> None:
    """Queue a job for each past slot that has none."""
    queue = get_queue(create=False)
    found, until = queries.schedule(queue.database, name), queue.database.now() if end is None else end
    span = f"{_slot(found, start)} to {_slot(found, until)}"
    out.ask(f"backfill {name} from {span}?", yes=yes, preview=lambda to: to.print(f"{_when(found)}: {span}"))
    done = _do(lambda: queue.schedules().backfill(name, start, until, reason=reason))
    out.say(f"{out.many(len(done.jobs))} queued; {out.many(done.there, 'slot')} had one already")


@app.command()
def delete(name: Name, reason: Reason = None, yes: Yes = False) -> None:
    """Delete a schedule and its slots; jobs that it queued stay."""
    queue = get_queue(create=False)
    found = queries.schedule(queue.database, name)
    out.ask(f"delete schedule {name}?", yes=yes, preview=lambda to: to.print(f"{_when(found)}: {found.task}"))
    queue.schedules().delete(name, reason=reason)
    out.say(f"schedule {name} deleted")


def _do(verb: Any) -> Any:
    try:
        return verb()
    except ValueError as error:
        raise BadInput(str(error)) from None


def _when(schedule: Schedule) -> str:
    if schedule.cron is not None:
        return f"{schedule.cron} ({schedule.zone})"
    return (
        f"every {out.span(schedule.every)}" if schedule.every is not None else f"once, {_slot(schedule, schedule.at)}"
    )


def _slot(schedule: Schedule, at: int | None) -> str:
    return "never" if at is None else moment_in(schedule.zone, at).isoformat(sep=" ", timespec="seconds")


def _slots(schedule: Schedule, view: queries.SlotView) -> str:
    more = f" … {_slot(schedule, view.until_at)} ({view.slots} slots)" if view.slots > 1 else ""
    return _slot(schedule, view.at) + more


def _pause(schedule: Schedule) -> str:
    if schedule.paused_at is None:
        return ""
    reason = f": {schedule.pause_reason}" if schedule.pause_reason else ""
    return f"by {schedule.paused_by}{reason}"
