"""One poll for all sessions: each watched view is updated once and sent to all its viewers."""

import json
import threading
import time
from functools import cache
from typing import Any

from pqkit import queries
from pqkit.charts.palette import Series as Line
from pqkit.domain.durations import SECOND
from pqkit.log import get_logger
from pqkit.queue import Queue
from pqkit.redaction.redact import redact

from .. import theme
from ..formatting import NOTHING, clock, count, safe
from ..poller import Feed, shared
from ..queue_snapshot import Snapshot
from . import html as words
from .charts import CHARTS, Chart
from .health_summary import Verdict, judge
from .series import WINDOWS, Series, Update, View, bars, marks

MOST_SCENES = 32
UNWATCHED = 5.0
"""Seconds after which an unwatched view is dropped."""
EVERY_OTHER = 2
SOMETIMES = 5
MOST_ERRORS = 50
LEAST = 0.0001
EMPTY = "nothing on record in this window"
DASHES = {"solid": "none", "dashed": "5 3", "dotted": "2 2", "dotdash": "2 2 6 2"}
"""Bokeh's names of dash patterns and their SVG values."""


class Scene:
    """State of one view: in full for a new session, the last step for connected ones."""

    def __init__(self, view: View) -> None:
        self.version = 0
        self.patch = ""
        self.wanted_at = time.monotonic()
        self._view, self._series = view, Series(view)
        self._update: Update | None = None
        self._sent: dict[str, Any] = {}
        self._parts: dict[str, Any] = {}
        self._full: tuple[int, str] = (-1, "")
        self._failed = False

    def refresh(self, queue: Queue | None, seen: Snapshot, blocks: dict[str, str]) -> None:
        """Make the step to ``seen``; without a queue the data stay unchanged."""
        self._parts["blocks"] = {**self._parts.get("blocks", {}), **blocks}
        step = self._step(queue is not None and self._try(queue, seen))
        self._sent = {**self._parts, "blocks": dict(self._parts["blocks"])}
        self.patch, self.version = json.dumps(step), seen.version

    def full(self) -> str:
        """The whole state as one step."""
        if self._full[0] != self.version:
            self._full = (
                self.version,
                json.dumps({**self._parts, **self._moved(), "series": self._series.whole(), "full": True}),
            )
        return self._full[1]

    def shown(self) -> tuple[float, float]:
        """The start and end of the shown span, in milliseconds of the local clock."""
        return (0.0, 0.0) if self._update is None else (self._update.start, self._update.end)

    def _try(self, queue: Queue, seen: Snapshot) -> bool:
        """Query the data; show an error on this view only, while the other views go on."""
        try:
            self._ask(queue, seen)
        except Exception as error:  # noqa: BLE001 - the page must report any error and try again
            if not self._failed:
                get_logger("stage").error("a view cannot be shown", view=str(self._view), error=redact(str(error)))
            self._parts["blocks"]["away"] = words.failed_view(error)
            self._failed = True
        else:
            self._failed = False
        return not self._failed

    def _ask(self, queue: Queue, seen: Snapshot) -> None:
        self._update = self._series.refresh(queue)
        heads = {f"{chart.name} head": chart_head(chart, self._series) for chart in CHARTS}
        self._parts["blocks"].update(heads)
        now, seconds = queue.database.now(), WINDOWS[self._view.window][0]
        start = now - round(seconds * SECOND)
        if seen.version % EVERY_OTHER == 0 or "marks" not in self._parts:
            self._parts |= marks(queue, self._view, start, now) | bars(queue, self._view)
        if seen.version % SOMETIMES == 0 or "failures" not in self._parts["blocks"]:
            groups = queries.failure_groups(
                queue.database, start, queue=self._view.queue, task=self._view.task, most=MOST_ERRORS
            )
            self._parts["blocks"]["failures"] = words.failure_table(groups, self._view.window)

    def _step(self, asked: bool) -> dict[str, Any]:
        blocks = self._parts["blocks"]
        before = self._sent.get("blocks", {})
        step: dict[str, Any] = {"blocks": {n: html for n, html in blocks.items() if before.get(n) != html}}
        step |= {name: part for name, part in self._parts.items() if name != "blocks" and self._sent.get(name) != part}
        if {"names", "bars"} & step.keys():
            step |= {"names": self._parts["names"], "bars": self._parts["bars"]}
        if asked and self._update is not None:
            step |= {**self._moved(), "series": self._update.columns}
        return step

    def _moved(self) -> dict[str, float]:
        return (
            {}
            if self._update is None
            else {"since": self._update.since, "start": self._update.start, "end": self._update.end}
        )


class Stage:
    """All scenes of this process. It listens to the feed, whose thread refreshes the scenes."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._scenes: dict[View, Scene] = {}
        self._mutex = threading.Lock()
        self._blocks: dict[str, str] = {}
        self._verdict, self._since, self._surely = Verdict("unknown", "", ""), 0, False
        feed.listeners.append(self._refresh)

    def scene(self, view: View) -> Scene:
        """The scene of a view; made now if the view is unwatched, which may take a moment."""
        with self._mutex:
            scene = self._scenes.get(view)
            if scene is None:
                self._make_room()
                scene = Scene(view)
                seen = self._feed.latest
                scene.refresh(None if seen.away or not seen.version else self._feed.queue(), seen, self._common(seen))
                self._scenes[view] = scene
            scene.wanted_at = time.monotonic()
            return scene

    def _make_room(self) -> None:
        """Drop the least recently wanted scene at the limit: one thread refreshes all scenes."""
        if len(self._scenes) >= MOST_SCENES:
            del self._scenes[min(self._scenes, key=lambda view: self._scenes[view].wanted_at)]

    def seen(self) -> Snapshot:
        return self._feed.latest

    def _refresh(self, queue: Queue | None, seen: Snapshot) -> None:
        blocks = self._common(seen)
        with self._mutex:
            for view, scene in list(self._scenes.items()):
                if time.monotonic() - scene.wanted_at > UNWATCHED:
                    del self._scenes[view]
                else:
                    scene.refresh(queue, seen, blocks)

    def _common(self, seen: Snapshot) -> dict[str, str]:
        """The blocks that all views share."""
        verdict = judge(seen)
        if (verdict.level, verdict.headline) != (self._verdict.level, self._verdict.headline):
            self._surely, self._since = self._since > 0, seen.at or 0
        self._verdict = verdict
        found = {"away": words.away_words(seen), "verdict": words.verdict_words(verdict, self._since_words(), seen)}
        if seen.counts is not None:
            found |= {
                "tiles": words.number_tiles(seen, seen.counts),
                "queues": words.queue_table(seen),
                "workers": words.worker_table(seen),
                "health": words.health_card(seen),
                "bars head": theme.head("Attempts of each worker", "the last three minutes, newest 240"),
            }
        return found

    def _since_words(self) -> str:
        """The time since which the verdict holds; "or longer" if it held at this process's start."""
        if not self._since:
            return ""
        return f"since {clock(self._since)}{'' if self._surely else ' or longer'}, "


def chart_head(chart: Chart, series: Series) -> str:
    """A chart's title, and the last value of each line as its legend and summary."""
    values = [series.last(line.column) for line in chart.lines]
    keys = "".join(map(_key, chart.lines, values)) if any(value is not None for value in values) else EMPTY
    about = f"<b>{safe(chart.title)}</b>{theme.marked('muted', whose(chart, series.view))}"
    return f"<div class='chart'><div class='head'>{about}</div><div class='keys'>{keys}</div></div>"


def whose(chart: Chart, view: View) -> str:
    """The choices that a chart ignores: samples have no tasks, and some no queues."""
    wider = [
        f"all {name}s"
        for name, chosen in (("queue", view.queue), ("task", view.task))
        if chosen is not None and name not in chart.follows
    ]
    return ", ".join(wider)


def _key(line: Line, value: float | None) -> str:
    shown = NOTHING if value is None else brief(value)
    stroke = f"stroke='{line.color}' stroke-width='2' stroke-dasharray='{DASHES[line.dash]}'"
    sign = f"<svg width='16' height='4' aria-hidden='true'><path d='M0 2h16' {stroke}/></svg>"
    return f"<span class='key'>{sign}{safe(line.label)} <b>{safe(shown)}</b></span>"


def brief(value: float) -> str:
    """A number of any magnitude in a few characters."""
    if 0 < abs(value) < LEAST:
        return f"<{LEAST}"
    if value and abs(value) < 1:
        return f"{value:.2g}"
    return count(round(value, 1)) if abs(value) < 100_000 else f"{value / 1e6:.2f}M"


@cache
def shared_stage() -> Stage:
    """The one stage of this process."""
    return Stage(shared())
