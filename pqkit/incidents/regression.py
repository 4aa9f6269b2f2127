"""Incident regression test: real workers replay a span's record on a scratch queue.

The story holds times, names and outcomes, but neither arguments nor errors. Stand-ins replace the handlers: each run
takes as long and ends as it did in the incident. Workers are killed at the times when they died.
"""

import time
from collections.abc import Sequence
from typing import Any

from pqkit.domain.states import JobState
from pqkit.incidents.replay_record import NoStory, Story, read_story, story_of
from pqkit.lab import Scratch, wait_until
from pqkit.lab.experiments.crash import QUICK
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.ledger import Told
from pqkit.lab.harness.result import Progress, Result, silent, verdict_of
from pqkit.lab.harness.timeline import Blow, recoveries
from pqkit.lab.harness.verdict import Finding
from pqkit.queries.time_range import runs

__all__ = ["NoStory", "Story", "play", "read_story", "story_of"]

PATIENCE = 300.0
LONGEST = 2.0
RECOVERED = 30.0
FAILED = {"failed", "timed_out"}


def play(place: Scratch, story: Story, speed: float = 1.0, workers: int = 2, progress: Progress = silent) -> Result:
    """Replay the story at ``speed`` times its pace and check the promises.

    No job is lost, no finish is accepted twice, each job ends as its runs say, and a dead worker's jobs run again soon.
    """
    calls = [(at / speed, _call(parts, speed)) for at, _, parts in story.jobs]
    deaths = sorted(at / speed for at in story.deaths)
    blows: list[Blow] = []
    with Fleet(place, (), **QUICK) as fleet:
        experiment_record.prepare(place, fleet.queue)
        fleet.wait_ready([fleet.worker() for _ in range(workers)])
        begun, ids = time.monotonic(), list[int]()
        for at, call in sorted(calls, key=lambda pair: pair[0]):
            while deaths and deaths[0] <= at:
                _die(fleet, begun + deaths.pop(0), blows)
            time.sleep(max(0.0, begun + at - time.monotonic()))
            retries = sum(outcome in FAILED for outcome, _ in call["parts"])
            ids.append(fleet.queue.enqueue("lab.act", call, max_retries=retries, backoff=[0.1]).id)
            progress(len(ids) / len(calls), f"{len(ids)} jobs, {len(blows)} dead workers")
        for death in deaths:
            _die(fleet, begun + death, blows)
        wait_until(lambda: all(fleet.queue.state(job).final for job in ids), PATIENCE, "the end of all jobs")
        fleet.stop()
        evidence = experiment_record.gather(place, fleet.queue)
        found = runs(fleet.queue.database)
    findings, smallest = verdict_of(evidence._replace(told=Told(ids, [])))
    findings += [
        Finding("ends as it must", job, f"it is {evidence.states[job]}, and its last run {call['parts'][-1][0]}")
        for job, (_, call) in zip(ids, sorted(calls, key=lambda pair: pair[0]), strict=True)
        if (evidence.states[job] is JobState.COMPLETED) != (call["parts"][-1][0] == "completed")
    ]
    slow = [each for each in recoveries(found, blows) if each.seconds > RECOVERED]
    findings += [Finding("runs again soon", each.job, f"{each.seconds:.0f} s after its worker died") for each in slow]
    figure = f"regression: {len(ids)} jobs and {len(blows)} dead workers played again: {len(findings)} broken promises"
    return Result(figure, {"jobs": len(ids), "deaths": len(blows)}, findings, smallest, {"runs": found, "blows": blows})


def _die(fleet: Fleet, moment: float, blows: list[Blow]) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
    victim = fleet.members[0]
    blows.append(Blow(fleet.queue.database.now(), "killed", victim.name))
    victim.kill()
    fleet.bury()
    fleet.wait_ready([fleet.worker()])


def _call(parts: Sequence[Sequence[Any]], speed: float) -> dict[str, Any]:
    """Arguments of a stand-in: its tries in order.

    Crashes come from killed workers, and released or snoozed runs are not tries. The last try that is left decides how
    the job must end.
    """
    tries = [
        [outcome, min(seconds / speed, LONGEST)] for outcome, seconds in parts if outcome in {*FAILED, "completed"}
    ]
    return {"parts": tries or [["completed", min(parts[-1][1] / speed, LONGEST)]]}
