"""Batches while workers are killed: exactly one completion job each, after its members.

This holds in every failure mode.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, get_args

from pqkit.domain.states import JobState
from pqkit.jobs.spec import IfFailed
from pqkit.lab import Scratch
from pqkit.lab.experiments.paced_kills import Deaths
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.ledger import Entry
from pqkit.lab.harness.result import Progress, Result, silent, verdict_of
from pqkit.lab.harness.verdict import Evidence, Finding
from pqkit.queries import Filter, counts, ids
from pqkit.queries.dependencies import batches as batch_views

MODES: tuple[IfFailed, ...] = get_args(IfFailed)
NAP = 0.03
MENDED = "mended"


class Asked(NamedTuple):
    """A batch: its completion job, its members, and whether one of the members is made to fail."""

    mode: IfFailed
    completion: int
    members: list[int]
    fails: bool


def batches(
    place: Scratch,
    number: int = 60,
    members: int = 10,
    workers: int = 6,
    kills: int = 20,
    *,
    seed: int = 1,
    fault: str = "",
    progress: Progress = silent,
) -> Result:
    """Queue ``number`` batches, spread evenly over the modes, and kill workers.

    Every other batch has a member that fails for good. In a batch that is held by that failure, the member is
    resubmitted until it completes.
    """
    with Fleet(place, rescue_every=0.5, slots=4, log_level="warning") as fleet:
        experiment_record.prepare(place, fleet.queue)
        asked = [_enqueue(fleet, MODES[n % len(MODES)], members, fails=n % 2 == 1) for n in range(number)]
        deaths = Deaths(fleet, workers, kills, seed=seed, fault=fault)
        deaths.until(number * (members + 1), lambda: _ended(fleet, asked), progress)
        fleet.stop()
        evidence = experiment_record.gather(place, fleet.queue)
        views = {view.id: view for view in batch_views(fleet.queue.database, number)}
    told = [job for each in asked for job in (each.completion, *each.members)]
    findings, smallest = verdict_of(evidence._replace(told=evidence.told._replace(ids=told)))
    findings += [
        Finding("one batch each", each.completion, "it is no batch") for each in asked if each.completion not in views
    ]
    findings += judge(asked, evidence)
    ran = Counter(each.mode for each in asked for _ in evidence.accepted.get(each.completion, ()))
    figure = (
        f"batches: {number} of {members} members, {deaths.done} workers killed: completion jobs ran "
        f"{', '.join(f'{ran[mode]} times of {sum(a.mode == mode for a in asked)} ({mode})' for mode in MODES)}; "
        f"{len(findings)} promises broken"
    )
    return Result(figure, {"batches": number, "kills": deaths.done, "completions": dict(ran)}, findings, smallest)


def judge(asked: Sequence[Asked], evidence: Evidence) -> list[Finding]:
    """Find completion jobs that did not run exactly once after their members.

    A completion job whose batch is to be canceled must not run at all.
    """
    return [Finding("one completion", each.completion, words) for each in asked for words in _wrong(each, evidence)]


def _wrong(each: Asked, evidence: Evidence) -> Iterator[str]:
    failed = each.fails or any(evidence.states.get(job) is JobState.UNPROCESSABLE for job in each.members)
    wanted = 0 if each.mode == "cancel" and failed else 1
    times = len(evidence.accepted.get(each.completion, ()))
    if times != wanted:
        yield f"it was completed {times} times, {wanted} were due ({each.mode})"
    if wanted == 0 and evidence.states.get(each.completion) is not JobState.CANCELED:
        yield f"it is {evidence.states.get(each.completion)} although a member failed"
    begun = min((e.at for e in evidence.entries if (e.job_id, e.phase) == (each.completion, "begun")), default=None)
    late = [job for job in each.members if begun is not None and last_of(evidence.entries, job) > begun]
    if late:
        yield f"it began before member {late[0]} had ended"


def last_of(entries: Sequence[Entry], job_id: int) -> int:
    """The time of the last ledger entry of a job's handler; 0 if there is none."""
    return max((entry.at for entry in entries if entry.job_id == job_id), default=0)


def _enqueue(fleet: Fleet, mode: IfFailed, members: int, *, fails: bool) -> Asked:
    with fleet.queue.batch(f"batch {fleet.born}", "lab.count", {"n": 1}, on_member_fail=mode) as batch:
        batch.enqueue_many("lab.nap", [{"seconds": NAP}] * (members - fails))
        if fails:
            batch.enqueue("lab.mended", {"by": str(fleet.place.folder / MENDED)})
    return Asked(mode, batch.id, batch.jobs, fails)


def _ended(fleet: Fleet, asked: Sequence[Asked]) -> int:
    """The number of jobs that have ended.

    When no other work is left, the failed members that hold a batch are mended and resubmitted.
    """
    now = counts(fleet.queue.database)
    if not (now[JobState.PENDING] or now[JobState.PROCESSING] or now[JobState.RETRYING]):
        (fleet.place.folder / MENDED).touch()
        held = {job for each in asked if each.mode == "hold" for job in each.members}
        failed = ids(fleet.queue.database, Filter(states=(JobState.FAILED, JobState.UNPROCESSABLE)), len(held))
        fleet.queue.operator("lab").resubmit(held & set(failed), reason="mended")
    return sum(count for state, count in now.items() if state.final)
