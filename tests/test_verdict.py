"""The ops console's sentence about the whole system, as a table of numbers and words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pqkit.cli.dashboards import load
from pqkit.domain.states import JobState
from pqkit.queries import Obstacle, QueueView, Unserved, WorkerView

load(Path(__file__).parent.parent / "dashboards")

from dashboards.ops.health_summary import judge  # noqa: E402
from dashboards.queue_snapshot import Pace, Snapshot  # noqa: E402 - a folder that becomes a package by load()

MINUTE = 60_000_000
NOW = 1_000 * MINUTE


def a_worker(name: str = "w1", beat: float | None = 0.5) -> WorkerView:
    return WorkerView(1, name, "here", 7, 8, 0, [], ["add"], NOW - MINUTE, beat, 0, False, None, None)


def a_queue(pending: int, oldest: float, **pause: Any) -> QueueView:
    closed = {"paused_at": None, "paused_until": None, "paused_by": None, "pause_reason": None}
    return QueueView("images", pending, 0, 0, 0, oldest, **{**closed, **pause})


def seen(
    pending: int = 0,
    before: int = 0,
    *,
    processing: int = 0,
    completed: float = 60,
    failed: float = 0,
    oldest: float = 1,
    workers: tuple[WorkerView, ...] = (a_worker(),),
    **pause: Any,
) -> Snapshot:
    counts = dict.fromkeys(JobState, 0) | {JobState.PENDING: pending, JobState.PROCESSING: processing}
    queues = (a_queue(pending, oldest, **pause),)
    return Snapshot(1, NOW, counts, queues, workers, pace=Pace(completed, failed, completed, before))


@pytest.mark.parametrize(
    ("snapshot", "headline", "words"),
    [
        (Snapshot(), "No data yet", "not been read"),
        (
            replace(seen(), obstacle=Obstacle("nobody can write: process 7", True, "kill -CONT 7")),
            "Blocked",
            "process 7",
        ),
        (replace(seen(), obstacle=Obstacle("dead rows pile up", False, "end it")), "Held back", "Dead rows pile up."),
        (seen(), "Healthy", "1 worker, nothing waiting, 60 ended"),
        (seen(5, workers=()), "Workers missing", "5 jobs unfinished and no worker runs"),
        (seen(0, workers=()), "Healthy", "0 workers"),
        (seen(workers=(a_worker("w7", 31.0),)), "Workers silent", "w7"),
        (seen(workers=(a_worker("w7", None),)), "Workers silent", "w7"),
        (seen(5, paused_at=NOW - MINUTE), "Paused", "5 jobs waiting"),
        (seen(5, 5, paused_at=NOW - MINUTE, paused_until=NOW - 1), "Healthy", "5 jobs waiting"),
        (seen(5, 5, completed=0, oldest=90), "Stalled", "none ended in the last minute"),
        (seen(5, 5, completed=0, oldest=90, processing=8), "Slots taken", "All 8 slots"),
        (seen(5, 5, completed=0, oldest=30), "Healthy", "5 jobs waiting"),
        (seen(completed=10, failed=10), "Failing", "50 %"),
        (seen(300, 100), "Growing", "200 more than 60 s ago"),
        (seen(100, 300), "Draining", "about 30 s to go"),
        (seen(100, 100, oldest=600), "Behind", "the oldest for 10 min"),
        (replace(seen(5, 5), unserved=(Unserved("images", "scale", None, 5),)), "Nobody serves", "task scale"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_verdict_says_what_the_numbers_mean(snapshot: Snapshot, headline: str, words: str) -> None:
    verdict = judge(snapshot)
    assert verdict.headline == headline
    assert words in verdict.reason
