"""The ops console: it watches. A verdict in words, the numbers behind it, the last ten minutes, queues and workers."""

import socket

import panel as pn
from panel.viewable import Viewable

from pqkit.queries import QueueView, WorkerView
from pqkit.states import JobState

from . import charts, shell
from .feed import EVERY, KEPT_SECONDS, Sample, Snapshot, shared
from .verdict import SILENT_AFTER, judge, paused, silence
from .words import NOTHING, age, clock, count, safe, size

S = JobState
HERE = socket.gethostname()
TITLE = "pqkit · Operations"
QUEUE_COLUMNS = [
    ("Queue", ""),
    ("Pending", "number"),
    ("Processing", "number"),
    ("Retrying", "number"),
    ("Scheduled", "number"),
    ("Oldest", "number"),
    ("State", ""),
]
WORKER_COLUMNS = [
    ("Worker", ""),
    ("Heartbeat", "number"),
    ("Busy slots", "number"),
    ("Memory", "number"),
    ("Up", "number"),
    ("Serves", ""),
    ("Process", ""),
]

DEAD_COLUMNS = [("Job", ""), ("State", ""), ("Task", ""), ("Queue", ""), ("Ended", ""), ("Error", "wide")]


class Ops:
    """One session of the page."""

    def __init__(self) -> None:
        self.feed, self._version = shared(), -1
        self.away, self.verdict, self.tiles = shell.Block(visible=False), shell.Block(), shell.Block()
        self.ended_head, self.waiting_head = shell.Block(), shell.Block()
        self.queues, self.workers, self.dead = shell.Block(), shell.Block(), shell.Block()
        points = int(KEPT_SECONDS / EVERY)
        empty = charts.frame([])
        self.ended = charts.Live(charts.ended(empty), points)
        self.waiting = charts.Live(charts.waiting(empty), points)

    def page(self) -> Viewable:
        """The whole page, which keeps itself fresh while its session lives."""
        self.update()
        pn.state.add_periodic_callback(self.update, period=int(EVERY * 1000))
        return shell.make_page(
            TITLE,
            shell.body(
                self.away,
                shell.card(self.verdict),
                self.tiles,
                shell.row(
                    shell.card(self.ended_head, _chart(self.ended)), shell.card(self.waiting_head, _chart(self.waiting))
                ),
                shell.row(shell.card(self.queues), shell.card(self.workers)),
                shell.card(self.dead),
            ),
        )

    def update(self) -> None:
        """Show the feed's last answer, unless it is shown already."""
        seen = self.feed.latest
        if seen.version == self._version:
            return
        self._version = seen.version
        self.away.param.update(object=away_words(seen), visible=seen.away is not None)
        self.verdict.object = verdict_words(seen)
        if seen.counts is None:
            return
        self.tiles.object = number_tiles(seen, seen.counts)
        self.queues.object = queue_table(seen)
        self.workers.object = worker_table(seen)
        self.dead.object = dead_table(seen)
        self._update_charts(seen.samples)

    def _update_charts(self, samples: tuple[Sample, ...]) -> None:
        table, last = charts.frame(samples), samples[-1]
        self.ended_head.object = chart_head("Ended per minute", completed=last.completed, failed=last.failed)
        self.waiting_head.object = chart_head("Jobs now", pending=last.pending, processing=last.processing)
        self.ended.push(table)
        self.waiting.push(table)


def _chart(live: charts.Live) -> pn.pane.Bokeh:
    return pn.pane.Bokeh(live.figure, sizing_mode="stretch_width", height=190, margin=0)


def away_words(seen: Snapshot) -> str:
    """What to say while the database cannot be read."""
    if seen.away is None:
        return ""
    shown = f" The numbers below are from {clock(seen.at)}." if seen.at else ""
    since = clock(seen.away_since)
    return shell.banner(f"The database cannot be read since {since}: {seen.away}.{shown} Trying again.")


def verdict_words(seen: Snapshot) -> str:
    verdict = judge(seen)
    stamp = f"<span class='muted stamp'>as of {clock(seen.at)}</span>" if seen.at else ""
    headline = f"<b class='{verdict.level}'>{safe(verdict.headline)}</b>"
    return f"<div class='verdict' role='status'>{headline}<span>{safe(verdict.reason)}</span>{stamp}</div>"


def number_tiles(seen: Snapshot, counts: dict[JobState, int]) -> str:
    last = seen.samples[-1]
    oldest = max((q.oldest_pending_age or 0.0 for q in seen.queues if q.pending), default=None)
    dead = counts[S.FAILED] + counts[S.UNPROCESSABLE]
    return shell.tiles(
        [
            shell.tile("Pending", count(counts[S.PENDING]), "due, waiting", "busy"),
            shell.tile("Processing", count(counts[S.PROCESSING]), f"of {_slots(seen)} slots", "busy"),
            shell.tile("Retrying", count(counts[S.RETRYING]), "between attempts", "warn"),
            shell.tile("Scheduled", count(counts[S.SCHEDULED]), "not due yet"),
            shell.tile("Completed", count(counts[S.COMPLETED]), "kept in the database", "good"),
            shell.tile("Failed", count(dead), f"{count(counts[S.UNPROCESSABLE])} unprocessable", "bad"),
            shell.tile("Throughput", count(last.completed), "done per minute"),
            shell.tile("Oldest pending", age(oldest), "waiting so long"),
        ]
    )


def _slots(seen: Snapshot) -> str:
    return count(sum(worker.slots for worker in seen.workers))


def chart_head(title: str, **values: float) -> str:
    """A chart's title and, as its legend and summary, the last value of each line."""
    keys = [
        f"<span class='key' style='color:{charts.COLORS[name]}'></span>{safe(name)} {count(value)}"
        for name, value in values.items()
    ]
    return shell.head(title, "".join(keys))


def queue_table(seen: Snapshot) -> str:
    rows = [_queue_row(queue, seen.at or 0) for queue in seen.queues]
    table = shell.grid(QUEUE_COLUMNS, rows, "No queue yet: the first enqueue makes one.")
    return shell.head("Queues", f"{len(rows)}") + table


def _queue_row(queue: QueueView, now: int) -> list[str]:
    numbers = [count(n) for n in (queue.pending, queue.processing, queue.retrying, queue.scheduled)]
    oldest = age(queue.oldest_pending_age) if queue.pending else NOTHING
    return [safe(queue.name), *numbers, oldest, _queue_state(queue, now)]


def _queue_state(queue: QueueView, now: int) -> str:
    if not paused(queue, now):
        return shell.marked("good", "open")
    until = f" until {clock(queue.paused_until)}" if queue.paused_until else ""
    why = f": {queue.pause_reason}" if queue.pause_reason else ""
    return shell.marked("warn", f"paused{until} by {queue.paused_by}{why}"[:80])


def worker_table(seen: Snapshot) -> str:
    rows = [_worker_row(worker, seen.at or 0) for worker in seen.workers]
    table = shell.grid(WORKER_COLUMNS, rows, "No worker runs. Start one: pqkit worker --tasks yourmodule")
    return shell.head("Workers", f"{len(rows)}") + table


def _worker_row(worker: WorkerView, now: int) -> list[str]:
    return [
        safe(worker.name),
        _beat(worker),
        f"{worker.running} / {worker.slots}",
        size(worker.memory),
        age((now - worker.started_at) / 1e6),
        safe(", ".join(worker.queues) or "all queues"),
        safe(f"pid {worker.pid}" if worker.host == HERE else f"{worker.host}:{worker.pid}"),
    ]


def _beat(worker: WorkerView) -> str:
    silent = silence(worker)
    if silent > SILENT_AFTER:
        return shell.marked("bad", f"silent for {age(worker.heartbeat_age)}" if worker.heartbeat_age else "silent")
    if worker.stopping:
        return shell.marked("warn", "stopping")
    return shell.marked("good", f"{silent:.0f} s ago")


def dead_table(seen: Snapshot) -> str:
    rows = [
        [
            safe(job.id),
            shell.marked(job.state, job.state),
            safe(job.task),
            safe(job.queue),
            clock(job.finished_at),
            safe(job.error or NOTHING),
        ]
        for job in seen.dead
    ]
    return shell.head("Latest failures", "newest first") + shell.grid(DEAD_COLUMNS, rows, "No job has failed.")


def page() -> Viewable:
    """A new session of the ops console."""
    shell.start_session()
    return Ops().page()
