"""Jobs that kill their workers, among good jobs.

The guilty are quarantined, and the innocent are not charged.
"""

import time
from collections import Counter
from pathlib import Path

from pqkit.domain.outcomes import MAX_CRASHES
from pqkit.domain.states import JobState
from pqkit.lab import Scratch
from pqkit.lab.experiments.crash import CALM, Calm
from pqkit.lab.harness import experiment_record
from pqkit.lab.harness.cgroup import memory_group
from pqkit.lab.harness.fleet import LEDGER, Fleet, left_behind
from pqkit.lab.harness.result import Progress, Result, silent, verdict_of
from pqkit.lab.harness.verdict import Finding
from pqkit.lab.harness.workloads import CGROUP, DEADLY, DEADLY_IN_A_CGROUP
from pqkit.queries import counts
from pqkit.queue import Queue


def poison(
    place: Scratch, good: int = 500, workers: int = 3, *, oom: bool = False, progress: Progress = silent
) -> Result:
    """Queue each poison for a thread and for a child process, among ``good`` jobs, and run all.

    With ``oom`` there is one more kind, which the kernel kills for its memory. Raises NotFound if no memory cgroup can
    be made.
    """
    if not oom:
        return _poison(place, good, workers, None, progress)
    with memory_group() as group:
        result = _poison(place, good, workers, group.folder, progress)
        killed = group.kills()
    result.figure += f"; {killed} times the kernel killed for memory"
    result.numbers["oom_kills"] = killed
    result.findings += too_few_kills(killed)
    return result


def too_few_kills(killed: int) -> list[Finding]:
    """A finding unless the kernel killed each poison as often as a job may crash.

    The kills are a thread's worker and a child process.
    """
    wanted = 2 * MAX_CRASHES
    words = f"{killed} times, and {wanted} times at least was wanted"
    return [] if killed >= wanted else [Finding("killed by the kernel", None, words)]


def _poison(place: Scratch, good: int, workers: int, group: Path | None, progress: Progress) -> Result:
    kinds = [*DEADLY, *(DEADLY_IN_A_CGROUP if group else ())]
    with Fleet(place, slots=4) as fleet:
        fleet.environment[CGROUP] = str(group)
        experiment_record.prepare(place, fleet.queue)
        bad, begun = _enqueue(fleet.queue, good, kinds), time.monotonic()
        for _ in range(workers):
            fleet.worker()  # not waited for: a worker may be dead before the next one is ready
        deaths, total, calm = 0, good + len(bad), Calm(CALM)
        while (ended := _ended(fleet.queue)) < total:
            for _ in fleet.bury():
                deaths += 1
                fleet.worker()
            calm.check((ended, deaths))
            progress(ended / total, f"{ended} jobs ended, {deaths} workers died")
            time.sleep(0.05)
        fleet.stop()
        left = left_behind(LEDGER, str(fleet.ledger))
        evidence = experiment_record.gather(place, fleet.queue)
        findings, smallest = verdict_of(evidence._replace(told=evidence.told._replace(ids=list(evidence.states))))
        budgets = experiment_record.budgets(fleet.queue)
    findings += charges(budgets, bad)
    findings += [Finding("nothing left behind", None, f"process {process.pid} still runs") for process in left]
    charged = sum(budget.crashes > 0 for job, budget in budgets.items() if job not in bad)
    states = Counter(str(budgets[job].state) for job in bad)
    figure = (
        f"poison: {len(bad)} poison jobs: {', '.join(f'{n} {state}' for state, n in states.items())} after "
        f"{deaths} dead workers; {good} good ones: {_completed(budgets, bad)} completed, {charged} charged"
    )
    numbers: dict[str, object] = {"good": good, "poison": len(bad), "worker_deaths": deaths, "charged": charged}
    return Result(figure, {**numbers, "seconds": round(time.monotonic() - begun, 1)}, findings, smallest)


def charges(budgets: dict[int, experiment_record.Budget], bad: dict[int, str]) -> list[Finding]:
    """Findings: poison that was not quarantined after its last crash, and harmed good jobs.

    A good job is harmed if it was charged or did not complete.
    """
    spared = [
        Finding("poison set aside", job, f"{kind}: it is {budgets[job].state} after {budgets[job].crashes} crashes")
        for job, kind in bad.items()
        if budgets[job][::2] != (JobState.UNPROCESSABLE, MAX_CRASHES)
    ]
    return spared + [
        Finding("neighbours uncharged", job, f"it is {budget.state}, charged with {budget.crashes} crashes")
        for job, budget in budgets.items()
        if job not in bad and (budget.crashes or budget.state is not JobState.COMPLETED)
    ]


def _enqueue(queue: Queue, good: int, deadly: list[str]) -> dict[int, str]:
    """Queue all jobs; return the poison's kinds by job id."""
    bad: dict[int, str] = {}
    kinds = [(task, kind) for task in ("lab.poison", "lab.poison_isolated") for kind in deadly]
    for number, (task, kind) in enumerate(kinds):
        share = good * (number + 1) // len(kinds) - good * number // len(kinds)
        queue.enqueue_many("lab.nap", [{"seconds": 0.02}] * share)
        bad[queue.enqueue(task, {"kind": kind}).id] = f"{kind} in {'a child' if 'isolated' in task else 'a thread'}"
    return bad


def _ended(queue: Queue) -> int:
    return sum(number for state, number in counts(queue.database).items() if state.final)


def _completed(budgets: dict[int, experiment_record.Budget], bad: dict[int, str]) -> int:
    return sum(budget.state is JobState.COMPLETED for job, budget in budgets.items() if job not in bad)
