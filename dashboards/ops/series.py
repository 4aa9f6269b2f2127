"""The charts' data per view, cached and updated bin by bin, once for all sessions."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pqkit import charts, queries
from pqkit.domain.durations import SECOND
from pqkit.queries import Flow, Level, Span
from pqkit.queue import Queue

WINDOWS: dict[str, tuple[float, float]] = {
    "5 min": (300, 2),
    "15 min": (900, 5),
    "1 h": (3_600, 60),
    "6 h": (21_600, 60),
    "24 h": (86_400, 600),
    "7 d": (604_800, 1_800),
    "30 d": (2_592_000, 7_200),
}
"""Each window with its length and its bin width in seconds."""
COLUMNS = ("at", *Flow._fields[1:], *Level._fields[1:])
BARS = ("left", "right", "bottom", "top", "color", "bad", "words")
LATE = 3.0
"""Seconds until all roll-ups of a second are written."""
TRAIL = 20.0
ANEW_EVERY = 300.0
CARRIED = 30
LEVELS = len(Level._fields) - 1
MOST_BARS = 240
BARS_SECONDS = 180
MOST_CHARS = 14


class View(NamedTuple):
    """The choices of a session; None for all queues or tasks."""

    window: str = "15 min"
    queue: str | None = None
    task: str | None = None


class Update(NamedTuple):
    """An update: the ``columns`` from ``since`` on, in the span from ``start`` to ``end``.

    Times are in milliseconds of the local clock, as Bokeh shows them.
    """

    since: float
    start: float
    end: float
    columns: dict[str, list[float | None]]


class Series:
    """The bins of one view."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._seconds, self._step = WINDOWS[view.window]
        self._points: dict[int, list[float | None]] = {}
        self._anew_at = 0.0

    def refresh(self, queue: Queue) -> Update:
        """Query the bins that may have changed."""
        database = queue.database
        now = database.now()
        span = Span.last(self._seconds, self._step, now)
        since = self._since(span)
        tail = span._replace(since=since)
        flow = queries.flow(database, tail, queue=self.view.queue, task=self.view.task)
        levels = queries.levels(database, tail, queue=self.view.queue)
        for one, other in zip(flow, levels, strict=True):
            self._points[one.at] = [milliseconds(one.at), *_known(one, self._step, now), *other[1:]]
        self._points = {at: point for at, point in self._points.items() if at >= span.since}
        return self._update(since, span)

    def whole(self) -> dict[str, list[float | None]]:
        return self._columns(0)

    def last(self, name: str) -> float | None:
        """The newest known value of a column."""
        place = COLUMNS.index(name)
        return next((p[place] for _, p in sorted(self._points.items(), reverse=True) if p[place] is not None), None)

    def _since(self, span: Span) -> int:
        if time.monotonic() >= self._anew_at:
            self._anew_at = time.monotonic() + ANEW_EVERY
            self._points.clear()
        last = max(self._points, default=span.since)
        trail = max(2 * span.step, round(TRAIL * SECOND))
        return max(span.since, (last - trail) // span.step * span.step)

    def _update(self, since: int, span: Span) -> Update:
        return Update(milliseconds(since), milliseconds(span.since), milliseconds(span.until), self._columns(since))

    def _columns(self, since: int) -> dict[str, list[float | None]]:
        points = [point for at, point in self._filled() if at >= since]
        return {name: [_short(point[i]) for point in points] for i, name in enumerate(COLUMNS)}

    def _filled(self) -> Iterator[tuple[int, list[float | None]]]:
        """The bins in order; a sample's levels hold until the next one, some seconds later."""
        last: list[float | None] = [None] * LEVELS
        sampled_at = 0
        for at, point in sorted(self._points.items()):
            if point[-LEVELS] is not None:
                last, sampled_at = point[-LEVELS:], at
            carried = at - sampled_at <= CARRIED * SECOND
            yield at, point[:-LEVELS] + (last if carried else [None] * LEVELS)


def _known(one: Flow, step: float, now: int) -> list[float | None]:
    """A bin's known values; the current bin's rates are scaled to its elapsed part."""
    over = min(step, (now - one.at) / SECOND - LATE)
    if over >= step:
        return list(one[1:])
    if over < step / 4:
        return [None] * (len(Flow._fields) - 1)
    rates = [rate * step / over for rate in one[1:7]]
    return [*rates, *one[7:]]


def _short(value: float | None) -> float | None:
    """Round to four significant digits, more than a chart shows; times stay exact."""
    if value is None or value == 0 or abs(value) > 1e11:
        return value
    return round(value, 3 - math.floor(math.log10(abs(value))))


def milliseconds(at: int) -> float:
    """A stored time as Bokeh takes it: in local time, without a time zone."""
    offset = datetime.fromtimestamp(at / SECOND, UTC).astimezone().utcoffset()
    return at / 1_000 + (offset.total_seconds() * 1_000 if offset else 0)


def microseconds(shown: float) -> int:
    """The stored time of a time that Bokeh shows."""
    return round(datetime.fromtimestamp(shown / 1_000, UTC).replace(tzinfo=None).astimezone().timestamp() * SECOND)


def marks(queue: Queue, view: View, start: int, end: int) -> dict[str, dict[str, list[Any]]]:
    """Pauses of the chosen queue, and events, as separate columns.

    A view of all queues shades nothing, since most queues may not be paused; its marks name the paused ones.
    """
    pauses = [] if view.queue is None else queries.pauses(queue.database, start, end, queue=view.queue)
    spans = [(max(p.since, start), min(p.until or end, end)) for p in pauses]
    found = queries.marks(queue.database, start, end)
    return {
        "paused": {
            "since": [milliseconds(since) for since, _ in spans],
            "until": [milliseconds(until) for _, until in spans],
            "words": [f"queue {view.queue} was paused"] * len(spans),
        },
        "marks": {"at": [milliseconds(mark.at) for mark in found], "words": [mark.words for mark in found]},
    }


def bars(queue: Queue, view: View) -> dict[str, Any]:
    """The last attempts of each worker as columns of boxes, and the names from the lowest lane."""
    now = queue.database.now()
    found = queries.bars(queue.database, now - BARS_SECONDS * SECOND, queue=view.queue, most=MOST_BARS)
    table = charts.frame([bar for bar in found if view.task in {None, bar.task}], queries.Bar)
    if table.empty:
        return {"names": [], "bars": {column: [] for column in BARS}}
    table = table.sort_values("began").tail(MOST_BARS).assign(ended=lambda bars: bars["ended"].fillna(now))
    names = sorted(table["worker"].unique(), reverse=True)
    placed = charts.place(table, names)
    return {
        "names": [name if len(name) <= MOST_CHARS else f"{name[: MOST_CHARS - 1]}…" for name in names],
        "bars": {
            "left": [milliseconds(int(at)) for at in placed["began"]],
            "right": [milliseconds(int(at)) for at in placed["ended"]],
            "bottom": placed["bottom"].round(3).tolist(),
            "top": placed["top"].round(3).tolist(),
            "color": placed["color"].tolist(),
            "bad": [outcome not in {"completed", "running"} for outcome in placed["outcome"]],
            "words": [f"job {bar.job} {bar.task}: {bar.outcome}" for bar in placed.itertuples()],
        },
    }
