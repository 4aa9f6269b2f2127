"""Queue limits while workers are killed: never exceeded, and freed when a lease ends."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pqkit.domain.durations import SECOND
from pqkit.lab import Scratch
from pqkit.lab.experiments.paced_kills import Deaths
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.fleet import Fleet
from pqkit.lab.harness.ledger import Entry
from pqkit.lab.harness.result import Progress, Result, silent, verdict_of
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import counts
from pqkit.queries.time_range import RunView, runs

KEYS, NARROW = 5, 3
NAP = 0.15
FREED_WITHIN = 30.0


def limits(
    place: Scratch,
    jobs: int = 300,
    workers: int = 10,
    kills: int = 12,
    *,
    seed: int = 1,
    fault: str = "",
    progress: Progress = silent,
) -> Result:
    """Run jobs under limits and kill workers.

    There are five keys, each limited to one running job, and half as many jobs in a queue that runs at most three at
    once.
    """
    with Fleet(place, rescue_every=0.5, slots=4, log_level="warning") as fleet:
        experiment_record.prepare(place, fleet.queue)
        groups = _enqueue(fleet, jobs)
        deaths = Deaths(fleet, workers, kills, seed=seed, fault=fault)
        deaths.until(len(groups), lambda: _ended(fleet), progress)
        fleet.stop()
        evidence = experiment_record.gather(place, fleet.queue)
        found = runs(fleet.queue.database)
    findings, smallest = verdict_of(evidence._replace(told=evidence.told._replace(ids=list(groups))))
    peaks = most_at_once(evidence.entries, groups)
    findings += beyond({name: NARROW if name == "narrow" else 1 for name in groups.values()}, peaks)
    waits = freed(found, groups)
    findings += [Finding("freed", None, f"{wait:.1f} s after a lease's end") for wait in waits if wait > FREED_WITHIN]
    of_keys = max((peak for name, peak in peaks.items() if name != "narrow"), default=0)
    completed = sum(bool(attempts) for attempts in evidence.accepted.values())
    figure = (
        f"limits: {completed} of {len(groups)} jobs completed on {workers} workers, {deaths.done} killed: "
        f"{of_keys} of a key at once, {peaks.get('narrow', 0)} of the queue that allows {NARROW}; a key of a dead "
        f"worker was free {max(waits, default=0.0):.2f} s after its lease's end at the latest"
    )
    numbers: dict[str, object] = {"jobs": len(groups), "kills": deaths.done, "at_once": peaks, "freed": waits}
    return Result(figure, numbers, findings, smallest)


def most_at_once(entries: Iterable[Entry], groups: Mapping[int, str]) -> dict[str, int]:
    """The largest number of handlers of each group that ran at once.

    It comes from the entries that handlers write themselves; killed runs are left out.
    """
    begun: dict[tuple[int, int], int] = {}
    steps: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for entry in entries:
        run = entry.job_id, entry.attempt
        if entry.phase == "begun":
            begun[run] = entry.at
        elif run in begun:
            steps[groups[entry.job_id]] += [(begun[run], 1), (entry.at, -1)]
    return {name: _peak(sorted(taken)) for name, taken in steps.items()}


def _peak(steps: Sequence[tuple[int, int]]) -> int:
    now = peak = 0
    for _, step in steps:
        now += step
        peak = max(peak, now)
    return peak


def beyond(allowed: Mapping[str, int], peaks: Mapping[str, int]) -> list[Finding]:
    """A finding for each group that exceeded its limit or never ran."""
    return [
        Finding("limits held", None, f"{peaks.get(name, 0)} of {name} ran at once, of {most} at most")
        for name, most in allowed.items()
        if not 0 < peaks.get(name, 0) <= most
    ]


def freed(found: Sequence[RunView], groups: Mapping[int, str]) -> list[float]:
    """The seconds from the end of each killed worker's run to the next claim of its key."""
    waits = []
    for lost in (run for run in found if run.outcome == "crashed" and groups[run.job] != "narrow"):
        following = [run.claimed_at for run in found if groups[run.job] == groups[lost.job]]
        after = [at for at in following if at >= lost.ended_at]
        waits += [(min(after) - lost.ended_at) / SECOND] if after else []
    return waits


def _enqueue(fleet: Fleet, jobs: int) -> dict[int, str]:
    """Queue all jobs; return each job's group: its key, or ``narrow``."""
    queue, operator = fleet.queue, fleet.queue.operator("lab")
    operator.set_queue("keyed", key_concurrency=1)
    operator.set_queue("narrow", concurrency=NARROW)
    groups: dict[int, str] = {}
    for number in range(KEYS):
        calls = [{"seconds": NAP}] * (jobs // KEYS)
        ids = queue.enqueue_many("lab.nap", calls, queue="keyed", limit_key=f"key {number}")
        groups |= dict.fromkeys(ids, f"key {number}")
    ids = queue.enqueue_many("lab.nap", [{"seconds": NAP}] * (jobs // 2), queue="narrow")
    return groups | dict.fromkeys(ids, "narrow")


def _ended(fleet: Fleet) -> int:
    return sum(number for state, number in counts(fleet.queue.database).items() if state.final)
