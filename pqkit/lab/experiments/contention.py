"""Many processes write to one database at once: each gets its turn; the longest wait counts."""

import json
import time

from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness.fleet import START_SECONDS, Fleet
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import misplaced

WORST_WAIT, LEAST_SHARE = 2.0, 0.3


def contention(place: Scratch, seconds: float = 30, writers: int = 10, *, progress: Progress = silent) -> Result:
    """Let ``writers`` processes queue jobs one by one as fast as they can, each commit on disk."""
    go = place.folder / "go"
    with Fleet(place) as fleet:
        files = [place.folder / f"writer-{number}" for number in range(writers)]
        for file in files:
            fleet.start(file.name, "pqkit.lab.harness.writer_process", str(file), str(go), str(seconds))
        wait_until(lambda: all(file.exists() for file in files), START_SECONDS, "the writers' start")
        go.touch()
        begun = time.monotonic()
        while any(member.alive for member in fleet.members):
            progress(min((time.monotonic() - begun) / seconds, 1), f"{writers} writers")
            time.sleep(0.2)
        reports = [json.loads(file.read_text() or "{}") for file in files]
        wrong = misplaced(fleet.queue.database)
    return _result([report for report in reports if report], writers, seconds, wrong)


def _result(reports: list[dict[str, float]], writers: int, seconds: float, wrong: list[int]) -> Result:
    commits = [report["commits"] for report in reports] or [0]
    errors, worst = sum(r["errors"] for r in reports), max((r["worst"] for r in reports), default=0.0)
    share = min(commits) / max(commits) if max(commits) else 0.0
    figure = (
        f"contention: {writers} writers, {seconds:g} s, {sum(commits):,.0f} commits: {errors:.0f} errors, "
        f"worst wait {worst:.2f} s, min/max commits per writer {share:.2f}"
    )
    checks = {
        f"{writers - len(reports)} writers died": len(reports) == writers,
        f"{errors:.0f} writes failed": not errors,
        f"the worst wait is {worst:.2f} s, more than {WORST_WAIT:g} s": worst <= WORST_WAIT,
        f"the slowest writer made {share:.2f} of the fastest's commits, less than {LEAST_SHARE:g}": (
            share >= LEAST_SHARE
        ),
        f"jobs {wrong[:5]} do not stand in exactly one place": not wrong,
    }
    numbers: dict[str, object] = {"commits": commits, "errors": errors, "worst_wait": worst, "share": share}
    return Result(figure, numbers, [Finding("contention", None, words) for words, good in checks.items() if not good])
