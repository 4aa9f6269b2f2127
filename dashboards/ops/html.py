"""The ops console's texts and tables, as HTML of escaped values."""

import socket
from collections.abc import Sequence

from pqkit.domain.durations import SECOND
from pqkit.domain.states import JobState
from pqkit.errors import PqkitError, for_anybody
from pqkit.queries import FailureGroup, Forecast, Outlook, QueueView, WorkerView
from pqkit.settings import settings

from .. import theme
from ..formatting import NOTHING, age, clock, count, ended, lasted, safe, size
from ..queue_snapshot import Snapshot
from .health_summary import SILENT_AFTER, Verdict, paused, silence

S = JobState
HERE = socket.gethostname()
ENOUGH = 20
"""From this number of forecasts on, the hit rate is a percentage; below it, a count."""
HOUR = 3_600.0
QUEUE_COLUMNS = [
    ("Queue", ""),
    ("Pending", "number"),
    ("Processing", "number"),
    ("Retrying", "number"),
    ("Scheduled", "number"),
    ("Oldest", "number"),
    ("Drains in", ""),
    ("State", "wrap"),
]
WORKER_COLUMNS = [
    ("Worker", ""),
    ("Heartbeat", "number"),
    ("Slots", "number"),
    ("Memory", "number"),
    ("Up", "number"),
    ("Serves", ""),
    ("Host", ""),
    ("Pid", "number"),
]
FAILURE_COLUMNS = [
    ("Count", "number"),
    ("Trend", ""),
    ("Task", ""),
    ("Error", "wide"),
    ("First seen", "number"),
    ("Last seen", "number"),
    ("Example", ""),
]
STEPS = "▁▂▃▄▅▆▇█"


def away_words(seen: Snapshot) -> str:
    """The banner while the database cannot be read, without the reason: that may name its place."""
    if seen.away is None:
        return ""
    shown = f" The numbers below are from {clock(seen.at)}." if seen.at else ""
    since = clock(seen.away_since)
    return theme.banner(f"The database cannot be read since {since}; `pqkit doctor` says why.{shown} Trying again.")


def failed_view(error: Exception) -> str:
    """The banner of a failed view; an unexpected error shows its type only, to leak nothing."""
    said = for_anybody(error) if isinstance(error, PqkitError) else f"{type(error).__name__}, which the log tells of"
    return theme.banner(f"The charts and tables of this view cannot be renewed: {ended(said)} Trying again.")


def verdict_words(verdict: Verdict, since: str, seen: Snapshot) -> str:
    took = f"data-took='{seen.took:.4f}'"  # seconds; `pqkit lab consoles` reads it
    stamp = f"<span class='muted stamp' {took}>{safe(since)}as of {clock(seen.at)}</span>" if seen.at else ""
    headline = f"<b class='{verdict.level}'>{safe(verdict.headline)}</b>"
    return f"<div class='verdict' role='status'>{headline}<span>{safe(verdict.reason)}</span>{stamp}</div>"


def number_tiles(seen: Snapshot, counts: dict[JobState, int]) -> str:
    oldest = max((q.oldest_pending_age or 0.0 for q in seen.queues if q.pending), default=None)
    dead = counts[S.FAILED] + counts[S.UNPROCESSABLE]
    slots = sum(worker.slots for worker in seen.workers)
    return theme.tiles(
        [
            theme.tile("Pending", count(counts[S.PENDING]), "due, waiting", "pending"),
            theme.tile("Processing", count(counts[S.PROCESSING]), f"in {count(slots)} slots", "processing"),
            theme.tile("Retrying", count(counts[S.RETRYING]), "between attempts", "retrying"),
            theme.tile("Scheduled", count(counts[S.SCHEDULED]), "not due yet", "scheduled"),
            theme.tile("Completed", count(counts[S.COMPLETED]), "kept in the database", "completed"),
            theme.tile("Failed", count(dead), f"{count(counts[S.UNPROCESSABLE])} unprocessable", "failed"),
            theme.tile("Throughput", f"{count(seen.pace.completed / 60)}/s", "done, last minute"),
            theme.tile("Oldest wait", age(oldest), "of a pending job"),
        ]
    )


def queue_table(seen: Snapshot) -> str:
    forecasts = {each.queue: each for each in seen.outlook.forecasts}
    rows = [_queue_row(queue, forecasts.get(queue.name), seen.at or 0) for queue in seen.queues]
    table = theme.grid(QUEUE_COLUMNS, rows, "No queue yet: the first enqueue makes one.")
    return theme.head("Queues", safe(score(seen.outlook))) + f"<div class='low'>{table}</div>"


def _queue_row(queue: QueueView, forecast: Forecast | None, now: int) -> list[str]:
    numbers = [count(n) for n in (queue.pending, queue.processing, queue.retrying, queue.scheduled)]
    oldest = age(queue.oldest_pending_age) if queue.pending else NOTHING
    drains = drain_words(forecast, now) if forecast and queue.pending else NOTHING
    return [safe(queue.name), *numbers, oldest, safe(drains), _queue_state(queue, now)]


def drain_words(forecast: Forecast, now: int) -> str:
    """The time until a queue is empty: 4 min (3 min to 6 min), or that it will not drain."""
    if forecast.likely_at is None:
        return "will not drain at this rate"
    least, likely, most = (
        None if moment is None else max(0.0, (moment - now) / SECOND)
        for moment in (forecast.earliest_at, forecast.likely_at, forecast.latest_at)
    )
    return f"{age(likely)} ({age(least)} to {'never' if most is None else age(most)})"


def score(outlook: Outlook) -> str:
    """The hit rate of the drain forecasts."""
    if outlook.hit_rate is None:
        return "no forecast judged yet"
    hits = f"{outlook.hit_rate:.0%}" if outlook.judged >= ENOUGH else round(outlook.hit_rate * outlook.judged)
    return f"{hits} of {outlook.judged} drain forecasts came true (80% should)"


def _queue_state(queue: QueueView, now: int) -> str:
    if not paused(queue, now):
        return theme.marked("good", "open")
    until = f" until {clock(queue.paused_until)}" if queue.paused_until else ""
    return theme.marked("warn", f"paused{until}")  # neither operator nor reason: this page needs no login


def worker_table(seen: Snapshot) -> str:
    rows = [_worker_row(worker, seen.at or 0) for worker in seen.workers]
    table = theme.grid(WORKER_COLUMNS, rows, "No worker runs. Start one: pqkit worker --tasks yourmodule")
    return theme.head("Workers", f"{len(rows)}") + f"<div class='low'>{table}</div>"


def _worker_row(worker: WorkerView, now: int) -> list[str]:
    return [
        safe(worker.name),
        _beat(worker),
        f"{min(worker.running, worker.slots)} / {worker.slots}",
        size(worker.memory),
        age((now - worker.started_at) / SECOND),
        safe(", ".join(worker.queues) or "all queues"),
        safe("this host" if worker.host == HERE else worker.host),
        safe(worker.pid),
    ]


def _beat(worker: WorkerView) -> str:
    silent = silence(worker)
    if silent > SILENT_AFTER:
        return theme.marked("bad", f"silent for {age(worker.heartbeat_age)}" if worker.heartbeat_age else "silent")
    if worker.stopping:
        return theme.marked("warn", "stopping")
    return theme.marked("good", f"{silent:.0f} s ago")


def failure_table(groups: Sequence[FailureGroup], window: str) -> str:
    """Groups of similar errors, the most frequent first."""
    rows = [
        [
            count(group.failures),
            f"<span class='trend' aria-label='{safe(', '.join(map(str, group.trend)))}'>{trend(group.trend)}</span>",
            safe(group.task),
            theme.marked("failed", group.pattern),
            clock(group.first),
            clock(group.last),
            safe(f"job {group.job_id}" if group.job_id else NOTHING),
        ]
        for group in groups
    ]
    table = theme.grid(FAILURE_COLUMNS, rows, f"No attempt failed in the last {window}.")
    return theme.head("Errors, alike in groups", f"last {safe(window)}") + f"<div class='low'>{table}</div>"


def trend(counts: Sequence[int]) -> str:
    """Counts as a sparkline of block characters."""
    most = max(counts, default=0)
    return "".join("·" if not n else STEPS[min(7, 8 * n // most - (n == most))] for n in counts) if most else ""


def health_card(seen: Snapshot) -> str:
    """The card about the database, its disk and commits, and the processes."""
    found = seen.health
    facts = {} if found is None else {
        "Database": f"{found.software}, schema {found.schema}",
        "Size": f"{size(round(found.database_size or 0))}, log {size(round(found.log_size or 0))}",
        "Disk": f"{size(round(found.disk_free or 0))} free, {_full(found.full_in)}" if found.disk_free else None,
        "Commit": f"{_span(found.commit)} on average, {_span(found.commit_most)} at most (10 min)",
    }  # fmt: skip
    facts["Processes"] = _processes(seen)
    pairs = [f"<dt>{safe(name)}</dt><dd>{safe(value)}</dd>" for name, value in facts.items() if value]
    pairs.append(f"<dt>Backup</dt><dd>{_backup(seen)}</dd>")
    return theme.head("Health", "") + f"<dl>{''.join(pairs)}</dl>"


def _backup(seen: Snapshot) -> str:
    """The last good backup; a warning if it is too old."""
    wanted = settings()
    if wanted.backups is None:
        return safe("none by schedule: the setting PQKIT_BACKUPS names no folder")
    if seen.backup is None:
        return theme.marked("warn", f"none yet in {wanted.backups}")
    kept = seen.backup
    said = f"{kept.path.name}, begun {age(kept.age)} ago, {size(kept.size)}, verified when it was made"
    late = kept.age > 2 * HOUR * wanted.backup_every
    return theme.marked("warn", f"{said}; one is wanted every {wanted.backup_every:g} h") if late else safe(said)


def _full(seconds: float | None) -> str:
    return "not filling" if seconds is None else f"full in {age(seconds)} at the pace of the last day"


def _span(seconds: float | None) -> str:
    return NOTHING if seconds is None else lasted(round(seconds * SECOND))


def _processes(seen: Snapshot) -> str:
    if not seen.processes:
        return "pqkit up does not run here"
    states: dict[str, list[str]] = {}
    for process in seen.processes:
        states.setdefault(process.state, []).append(process.name)
    return "; ".join(f"{len(names)} {state}: {', '.join(names)}" for state, names in sorted(states.items()))[:400]
