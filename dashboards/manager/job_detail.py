"""One job in full as HTML of escaped values, and the CLI commands that act on it."""

import json

from pqkit.domain.states import MEANINGS, JobState, allows
from pqkit.queries import ActionView, AttemptView, JobDetail, LineView

from .. import theme
from ..formatting import NOTHING, clock, lasted, safe, sentence

ATTEMPT_COLUMNS = [("Attempt", "number"), ("Outcome", ""), ("Worker", ""), ("Began", ""), ("Took", "number")]
COMMANDS = {
    "resubmit": "resubmit {job}",
    "cancel": "cancel {job}",
    "mark_failed": "mark-failed {job}",
    "assign": "assign {job} --worker NAME",
    "set_priority": "set-priority {job} --priority N",
    "replace": "replace {job} --args JSON",
    "delete": "delete {job}",
}


def commands(job_id: int, state: JobState) -> list[str]:
    """The CLI commands that fit a job in that state."""
    return [f"pqkit jobs {line.format(job=job_id)}" for verb, line in COMMANDS.items() if allows(state, verb)]


def words(seen: JobDetail, why: str) -> str:
    """The detail card; ``why`` says what the job waits for, or how it ended."""
    job = seen.job
    parts = [
        theme.head(f"Job {job.id}", theme.marked(job.state, f"{job.state}: {MEANINGS[job.state]}")),
        f"<p class='why'>{safe(sentence(why))}</p>",
        _facts(seen),
        _part("Arguments", _pre(_json(job.args))),
        _part("Error", _pre(job.error)) if job.error else "",
        _part("Result", _pre(_json(seen.result))) if seen.result is not None else "",
        _progress(seen),
        _part("What happened", _timeline(seen)),
        _part("Attempts", _attempts(seen.attempts)) if seen.attempts else "",
        _part("Log", _pre("\n".join(map(_line, seen.lines)))) if seen.lines else "",
        _part("To act on it, type", _pre("\n".join(commands(job.id, job.state)))),
    ]
    return "".join(parts)


def _facts(seen: JobDetail) -> str:
    job = seen.job
    facts = {
        "Task": job.task,
        "Queue": job.queue,
        "Priority": job.priority,
        "Failed runs": f"{job.retries} of at most {job.max_retries + 1}",
        "Crashes": job.crashes or None,
        "Time-out": f"{seen.timeout:g} s" if seen.timeout else None,
        "Unique key": seen.unique_key,
        "Worker": job.worker,
        "Only for": job.assigned_to,
        "Created": clock(job.created_at),
        "Due": clock(job.due_at) if job.due_at else None,
        "Claimed": clock(job.claimed_at) if job.claimed_at else None,
        "Cancel asked": clock(job.cancel_requested_at) if job.cancel_requested_at else None,
        "Ended": clock(job.finished_at) if job.finished_at else None,
    }
    pairs = [f"<dt>{safe(name)}</dt><dd>{safe(value)}</dd>" for name, value in facts.items() if value is not None]
    return f"<dl>{''.join(pairs)}</dl>"


def _part(title: str, inside: str) -> str:
    return f"<h4>{safe(title)}</h4>{inside}"


def _pre(text: str | None) -> str:
    return f"<pre tabindex='0'>{safe(text)}</pre>"


def _json(text: str | None) -> str:
    """Stored JSON, indented; other text unchanged."""
    try:
        return json.dumps(json.loads(text or "null"), indent=2, ensure_ascii=False)
    except ValueError:
        return str(text)


def _progress(seen: JobDetail) -> str:
    if seen.progress is None:
        return ""
    done = 100 * seen.progress.fraction
    bar = f"<progress max='100' value='{done:.0f}'></progress> {done:.0f} % {theme.marked('muted', seen.progress.note)}"
    return _part(f"Progress of attempt {seen.progress.attempt}", bar)


def _attempts(attempts: list[AttemptView]) -> str:
    rows = [
        [
            safe(a.attempt),
            theme.marked("good" if a.outcome == "completed" else "warn", a.outcome),
            safe(a.worker or NOTHING),
            clock(a.started_at or a.claimed_at),
            lasted(a.ended_at - (a.started_at or a.claimed_at)),
        ]
        for a in attempts
    ]
    errors = [_error(a) for a in attempts if a.error]
    return theme.grid(ATTEMPT_COLUMNS, rows, "None has ended yet.") + "".join(errors)


def _error(a: AttemptView) -> str:
    return f"<details><summary>What attempt {a.attempt} said</summary>{_pre(a.error)}</details>"


def _line(line: LineView) -> str:
    return f"{clock(line.at)}  {line.line}"


def _timeline(seen: JobDetail) -> str:
    """The job's history in order: its enqueue, each attempt, and operators' actions."""
    events = [(seen.job.created_at, "", "queued")]
    for run in seen.attempts:
        by = f" on {safe(run.worker)}" if run.worker else ""
        kind = "good" if run.outcome == "completed" else "warn"
        lasting = lasted(run.ended_at - (run.started_at or run.claimed_at))
        events.append((run.ended_at, kind, f"attempt {run.attempt}{by}: {safe(run.outcome)} after {safe(lasting)}"))
    if seen.job.claimed_at is not None:
        by = f" by {safe(seen.job.worker)}" if seen.job.worker else ""
        events.append((seen.job.claimed_at, "busy", f"attempt {seen.job.attempt} claimed{by}"))
    events += [(action.at, "bad" if action.verb in STERN else "", _action(action)) for action in seen.actions]
    lines = (f"<li class='{kind}'><time>{clock(at)}</time>{words}</li>" for at, kind, words in sorted(events))
    return f"<ol class='time'>{''.join(lines)}</ol>"


STERN = {"cancel", "mark_failed"}


def _action(action: ActionView) -> str:
    """An operator's action, with the job that it created or came from."""
    detail = json.loads(action.detail)
    ties = [f"{words} {detail[key]}" for key, words in TIES.items() if key in detail]
    why = [action.reason] if action.reason else []
    rest = f" ({safe('; '.join([*ties, *why]))})" if ties or why else ""
    return f"{safe(action.verb.replace('_', ' '))} by {safe(action.who)}{rest}"


TIES = {"new": "now job", "instead_of": "instead of job", "redrive": "redrive", "worker": "for", "priority": "priority"}
