"""Incident investigation: first changes, failure groups, dead workers, operator actions."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pqkit.audit.rules import Certificate
from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.domain.error_groups import FAILING, pattern
from pqkit.domain.states import JobState
from pqkit.incidents import change_points
from pqkit.incidents.change_points import Change
from pqkit.queries import last_line, listed
from pqkit.queries.audit_history import audit
from pqkit.queries.time_range import (
    ActionView,
    LifeView,
    RefusalView,
    RunView,
    Span,
    actions,
    arrivals,
    lives,
    refusals,
    runs,
)

BINS, CHUNK = 60, 500
PEACEFUL = ("stopped",)
GUILTY, INNOCENT, FEW = 0.5, 0.1, 3


class Group(NamedTuple):
    """Failures of one task that differ only in details; ``new`` if the baseline has none.

    ``waiting`` holds those of its ``jobs`` that now wait for a person's review.
    """

    task: str
    outcome: str
    pattern: str
    runs: int
    first_seen: int
    last_seen: int
    new: bool
    jobs: list[int]
    waiting: list[int]
    example: str


class Death(NamedTuple):
    """A worker that did not stop normally, the recorded reason, and the jobs that it held."""

    worker: str
    at: int
    reason: str
    jobs: list[int]


class Suspect(NamedTuple):
    """A task that fails on workers started in the span but not on older ones: a bad release?"""

    task: str
    since: int
    workers: list[str]
    failed: int
    runs: int
    failed_before: int
    runs_before: int

    @property
    def words(self) -> str:
        return (
            f"{self.task} failed {self.failed} of {self.runs} times on {', '.join(self.workers)}, "
            f"and {self.failed_before} of {self.runs_before} times on the workers before: a bad release?"
        )


@dataclass(frozen=True)
class Incident:
    """Everything on record about a span and the ``baseline`` before it. Secrets are masked."""

    span: Span
    baseline: Span
    runs: list[RunView]
    changes: list[Change]
    groups: list[Group]
    suspects: list[Suspect]
    deaths: list[Death]
    refused: list[RefusalView]
    actions: list[ActionView]
    certificate: Certificate

    @property
    def affected(self) -> list[int]:
        """The ids of the jobs that failed, crashed or timed out in the span."""
        return sorted({run.job for run in self.runs if run.outcome in FAILING})

    @property
    def headlines(self) -> list[str]:
        """One line for each finding, the most significant first."""
        died = [f"worker {death.worker} died ({death.reason}) with {len(death.jobs)} jobs" for death in self.deaths]
        grouped = [f"{group.task} {group.outcome} {group.runs} times: {group.pattern}" for group in self.groups]
        refused = [f"{len(self.refused)} finishes came too late and were refused"] if self.refused else []
        broken = [f"the audit found a promise broken: {found.words}" for found in self.certificate.findings[:1]]
        return [*broken, *(suspect.words for suspect in self.suspects), *died, *grouped, *refused]


def investigate(database: Database, span: Span, baseline: float | None = None) -> Incident:
    """Read the span and the ``baseline`` before it.

    ``span`` needs both ends. ``baseline`` is in seconds, by default the length of the span.
    """
    since, until = span.since or 0, span.until or database.now()
    length = until - since if baseline is None else round(baseline * SECOND)
    before, whole = Span(since - length, since, span.queues), Span(since - length, until, span.queues)
    all_runs = runs(database, whole)
    found = [run for run in all_runs if run.ended_at >= since]
    known = {_key(run) for run in all_runs if run.ended_at < since}
    workers = lives(database, whole)
    certificate = audit(database, since=whole.since, until=until)
    return Incident(
        Span(since, until, span.queues),
        before,
        found,
        sorted(_changes(all_runs, arrivals(database, whole), whole)),
        _groups(database, found, known),
        list(_suspects(all_runs, workers, since)),
        _deaths(found, workers, since, until),
        refusals(database, span),
        actions(database, span),
        certificate,
    )


def recurring(database: Database, groups: Sequence[Group], since: int) -> list[Group]:
    """The groups that have failed again since then; empty if the repair worked."""
    wanted = {(group.task, group.outcome, group.pattern) for group in groups}
    again = runs(database, Span(since))
    return [group for group in _groups(database, again, set()) if (group.task, group.outcome, group.pattern) in wanted]


def _key(run: RunView) -> tuple[str, str, str]:
    return run.task, run.outcome, pattern(last_line(run.error or ""))


def _groups(database: Database, found: Sequence[RunView], known: set[tuple[str, str, str]]) -> list[Group]:
    alike: dict[tuple[str, str, str], list[RunView]] = defaultdict(list)
    for run in found:
        if run.outcome in FAILING:
            alike[_key(run)].append(run)
    waiting = _waiting(database, sorted({run.job for same in alike.values() for run in same}))
    groups = [
        Group(
            *key,
            len(same),
            same[0].ended_at,
            same[-1].ended_at,
            key not in known,
            jobs := sorted({run.job for run in same}),
            [job for job in jobs if job in waiting],
            same[0].error or "",
        )
        for key, same in alike.items()
    ]
    return sorted(groups, key=lambda group: (-group.runs, group.first_seen))


def _waiting(database: Database, jobs: Sequence[int]) -> set[int]:
    """The jobs that are failed or unprocessable."""
    found = (view for first in range(0, len(jobs), CHUNK) for view in listed(database, jobs[first : first + CHUNK]))
    return {view.id for view in found if view.state in {JobState.FAILED, JobState.UNPROCESSABLE}}


def _deaths(found: Sequence[RunView], workers: Sequence[LifeView], since: int, until: int) -> list[Death]:
    held: dict[str, list[int]] = defaultdict(list)
    for run in found:
        if run.outcome == "crashed" and run.worker is not None:
            held[run.worker].append(run.job)
    return [
        Death(life.worker, life.ended_at, life.end_reason or "unknown", held[life.worker])
        for life in workers
        if life.ended_at is not None and since <= life.ended_at < until and life.end_reason not in PEACEFUL
    ]


def _suspects(found: Sequence[RunView], workers: Sequence[LifeView], since: int) -> Iterator[Suspect]:
    """Tasks that fail on workers started since the baseline's end but not on older ones."""
    begun = {life.worker: life.started_at for life in workers}  # the last life of each name
    fresh = {name for name, at in begun.items() if at >= since}
    for task in sorted({run.task for run in found}):
        new = [run for run in found if run.task == task and run.worker in fresh and run.ended_at >= since]
        old = [run for run in found if run.task == task and run not in new and run.outcome != "crashed"]
        bad, bad_before = (sum(run.outcome in FAILING - {"crashed"} for run in some) for some in (new, old))
        if len(new) >= FEW and len(old) >= FEW and bad >= GUILTY * len(new) and bad_before <= INNOCENT * len(old):
            names = sorted({run.worker or "" for run in new if run.outcome in FAILING})
            yield Suspect(task, min(begun[name] for name in names), names, bad, len(new), bad_before, len(old))


def _changes(found: Sequence[RunView], queued: Sequence[int], span: Span) -> Iterator[Change]:
    since, until = span.since or 0, span.until or 0
    width = max(1, (until - since) // BINS)
    series = {"jobs queued": list(queued), "runs completed": _ends(found, "completed")}
    for task in sorted({run.task for run in found}):
        for outcome in sorted(FAILING):
            series[f"{task} {outcome}"] = _ends([run for run in found if run.task == task], outcome)
    for worker in sorted({run.worker for run in found if run.worker}):
        failed = [run for run in found if run.worker == worker and run.outcome in FAILING]
        series[f"failures on {worker}"] = [run.ended_at for run in failed]
    for what, moments in series.items():
        counts = _binned(moments, since, width)
        if (place := change_points.in_counts(counts)) is not None:
            before, after = (60e6 / width * sum(part) / len(part) for part in (counts[:place], counts[place:]))
            yield Change(since + place * width, what, before, after, "a minute")
    yield from _slower(found)


def _slower(found: Sequence[RunView]) -> Iterator[Change]:
    """Changes in waiting times, and in the run times of each task's completed runs."""
    begun = [run for run in found if run.started_at is not None]
    spans = {"seconds waited": [(run, (run.started_at or 0) - run.due_at) for run in begun]}
    for task in sorted({run.task for run in begun}):
        mine = [run for run in begun if run.task == task and run.outcome == "completed"]
        spans[f"seconds that {task} ran"] = [(run, run.ended_at - (run.started_at or 0)) for run in mine]
    for what, pairs in spans.items():
        seconds = [length / SECOND for _, length in pairs]
        if (place := change_points.in_durations(seconds)) is not None:
            before, after = change_points.median(seconds[:place]), change_points.median(seconds[place:])
            yield Change(pairs[place][0].ended_at, what, before, after, "s at the median")


def _ends(found: Sequence[RunView], outcome: str) -> list[int]:
    return [run.ended_at for run in found if run.outcome == outcome]


def _binned(moments: Sequence[int], since: int, width: int) -> list[int]:
    counts = [0] * BINS
    for moment in moments:
        counts[min(BINS - 1, (moment - since) // width)] += 1
    return counts
