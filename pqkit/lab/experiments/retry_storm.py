"""The retry policy, to the microsecond, for each kind of failure.

Jobs fail once, always or for good, snooze, kill their process, or are resubmitted.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import MAX_CRASHES
from pqkit.domain.retry_policy import DEFAULT_BACKOFF, DEFAULT_MAX_RETRIES
from pqkit.domain.states import JobState
from pqkit.lab import Scratch
from pqkit.lab.experiments.crash import Calm
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queries.time_range import RunView, runs

SNOOZE = 1.0
PATIENCE = 120.0
LOOK_EVERY = 0.1
POISON, MOST_POISON = "poison", 4
ALWAYS = DEFAULT_MAX_RETRIES + 1
# Each kind: its task, its arguments, its final state, and the outcomes of its runs.
KINDS: dict[str, tuple[str, dict[str, object], JobState, list[str]]] = {
    "transient": ("lab.fail", {"times": 1}, JobState.COMPLETED, ["failed", "completed"]),
    "doomed": ("lab.fail", {"times": 99}, JobState.UNPROCESSABLE, ["failed"] * ALWAYS),
    "permanent": ("lab.give_up", {}, JobState.FAILED, ["failed"]),
    "snoozed": ("lab.snooze", {"seconds": SNOOZE}, JobState.COMPLETED, ["snoozed", "completed"]),
    POISON: ("lab.poison_isolated", {"kind": "exit"}, JobState.UNPROCESSABLE, ["crashed"] * MAX_CRASHES),
    "resubmitted": ("lab.fail", {"times": ALWAYS}, JobState.COMPLETED, ["failed"] * ALWAYS + ["completed"]),
}


def retry(place: Scratch, jobs: int = 3, workers: int = 2, progress: Progress = silent) -> Result:
    """Run ``jobs`` jobs of each kind at the default policy and check each run against it.

    Poison jobs are few, because each runs alone. Raises TimeoutError when no job ends for ``PATIENCE`` seconds.
    """
    begun = time.monotonic()
    with Fleet(place, slots=4) as fleet:
        queued = {kind: _enqueue(fleet, kind, jobs) for kind in KINDS if kind != POISON}
        fleet.wait_ready([fleet.worker() for _ in range(workers)])
        again = queued["resubmitted"]
        progress(0.1, "the runs at 0, 1, 3 and 7 seconds")
        _await_end(fleet, [job for ids in queued.values() for job in ids])
        progress(0.8, "resubmitting")
        fleet.queue.operator("lab").resubmit(again, reason="the cause is mended")
        _await_end(fleet, again)
        progress(0.9, "poison, by itself: whoever ran beside it would wait until it is found out")
        queued[POISON] = _enqueue(fleet, POISON, min(jobs, MOST_POISON))
        _await_end(fleet, queued[POISON])
        states = {job: fleet.queue.state(job) for ids in queued.values() for job in ids}
        fleet.stop()
        found = runs(fleet.queue.database)
    of: dict[int, list[RunView]] = {job: [] for job in states}
    for run in sorted(found, key=lambda run: run.attempt):
        of[run.job].append(run)
    findings = [f for kind, ids in queued.items() for job in ids for f in judge(kind, job, states[job], of[job])]
    late = [lateness for job in queued["doomed"] for lateness in lateness_of(of[job])]
    planned = planned_words(of, queued["doomed"])
    figure = (
        f"retry: {len(states)} jobs of {len(KINDS)} kinds: next runs set {planned} s after a failure, "
        f"begun up to {max(late, default=0):.2f} s after that"
    )
    numbers: dict[str, object] = {"jobs": len(states), "latest": max(late, default=0.0), "median_late": _middle(late)}
    numbers["seconds"] = round(time.monotonic() - begun, 1)
    kinds = {job: kind for kind, ids in queued.items() for job in ids}
    return Result(figure, numbers, findings, tables={"runs": found, "kinds": list(kinds.items())})


def _await_end(fleet: Fleet, jobs: Sequence[int]) -> None:
    """Wait until all jobs have ended.

    Raises TimeoutError when no job ends for ``PATIENCE`` seconds.
    """
    calm, left = Calm(PATIENCE), list(jobs)
    while left := [job for job in left if not fleet.queue.state(job).final]:
        calm.check(len(left))
        time.sleep(LOOK_EVERY)


def _enqueue(fleet: Fleet, kind: str, jobs: int) -> list[int]:
    task, args, *_ = KINDS[kind]
    return fleet.queue.enqueue_many(task, [args] * jobs)


def judge(kind: str, job: int, state: JobState, runs: Sequence[RunView]) -> Iterator[Finding]:
    """The findings where a job's runs differ from the policy."""
    _, _, ending, outcomes = KINDS[kind]
    if state is not ending:
        yield Finding("ends as it must", job, f"{kind}: it is {state}, not {ending}")
    # A run that was released because another job had to run alone is charged to no job.
    if [run.outcome for run in runs if run.outcome != "released"] != outcomes:
        yield Finding("runs as often as it must", job, f"{kind}: its runs are {[run.outcome for run in runs]}")
    planned = [delay for delay in planned_delays(runs) if delay is not None]
    wanted = [SNOOZE] if kind == "snoozed" else list(DEFAULT_BACKOFF[: len(planned)])
    if planned != wanted:
        yield Finding("next run set exactly", job, f"{kind}: {planned} s after each failure, not {wanted}")
    if any(lateness < 0 for lateness in lateness_of(runs)):
        yield Finding("no run early", job, f"{kind}: a run was claimed before it was due")


def planned_delays(runs: Sequence[RunView]) -> list[float | None]:
    """The seconds from each run's end to the due time of the next; None if there is no next."""
    return [None if run.next_at is None else (run.next_at - run.ended_at) / SECOND for run in runs]


def lateness_of(runs: Sequence[RunView]) -> list[float]:
    """The seconds from the due time of each run to its claim."""
    pairs = pairwise(runs)
    return [(after.claimed_at - before.next_at) / SECOND for before, after in pairs if before.next_at is not None]


def planned_words(of: dict[int, list[RunView]], jobs: Sequence[int]) -> str:
    planned = sorted({delay for job in jobs for delay in planned_delays(of[job]) if delay is not None})
    return ", ".join(f"{delay:g}" for delay in planned)


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
