"""Producers and workers at the same time."""

import json
import tempfile
import time
from itertools import count
from pathlib import Path

from pqkit.bench.bench_workers import Crew, crew
from pqkit.bench.scale import Ground, Rounds
from pqkit.lab import wait_until
from pqkit.lab.harness.fleet import START_SECONDS
from pqkit.queries import at_rest

PRODUCERS, WORKERS = 2, 2
PATIENCE = 60.0


def mixed(ground: Ground) -> Rounds:
    """Measure two processes that enqueue one by one while two workers complete the jobs."""
    name, seconds = f"mixed, {PRODUCERS} producers and {WORKERS} workers", ground.scale.seconds
    with crew(ground) as workers, workers.working(WORKERS), workers.opened():
        for turn in count():
            yield [ground.sample(turn, name, "raw inserts and exchange", lambda: _completed(workers, seconds))]


def _completed(workers: Crew, seconds: float) -> float:
    """Jobs per second from the producers' start until all of their jobs are completed."""
    fleet = workers.fleet
    folder = Path(tempfile.mkdtemp(dir=fleet.place.folder))
    go, reports = folder / "go", [folder / f"producer-{number}" for number in range(PRODUCERS)]
    for report in reports:
        fleet.start(report.name, "pqkit.lab.harness.writer_process", str(report), str(go), str(seconds))
    wait_until(lambda: all(report.exists() for report in reports), START_SECONDS, "the producers' start")
    begun = time.perf_counter()
    go.touch()
    wait_until(lambda: all(report.stat().st_size for report in reports), seconds + PATIENCE, "the producers' end")
    wait_until(lambda: at_rest(workers.queue.database), PATIENCE, "the end of all jobs")
    taken = time.perf_counter() - begun
    commits: list[float] = [json.loads(report.read_text())["commits"] for report in reports]
    return sum(commits) / taken
