"""The audit's rules: each checks one promise against the history that the database recorded.

The audit proves only what the database recorded, not what a handler did elsewhere.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import MAX_CRASHES
from pqkit.domain.states import JobState, Place
from pqkit.domain.wall_clock_order import WallClock, surely_before

# Two processes that read one clock may get slightly different times.
CLOCK_SLACK = 2 * SECOND
STUCK_AFTER = 60 * SECOND
# Maintenance deletes workers' lives after a year.
LIVES_KEPT = 300 * 86_400 * SECOND
FAILURES = ("failed", "timed_out")
# The verbs that reset a job's retry budget.
RENEWS = {"resubmit", "undo"}
# The last run's outcomes that explain how a job ended, and the operators' verbs that do.
ENDED_BY = {
    JobState.COMPLETED: {"completed"},
    JobState.CANCELED: {"canceled", "crashed"},
    JobState.FAILED: {*FAILURES},
    JobState.UNPROCESSABLE: {*FAILURES, "crashed"},
}
BY_OPERATORS = {
    JobState.COMPLETED: {"undo"},
    JobState.CANCELED: {"cancel", "replace", "undo"},
    JobState.FAILED: {"mark_failed", "undo"},
    JobState.UNPROCESSABLE: {"undo"},
}


class Standing(NamedTuple):
    """A row in a place table. ``at`` is the due, claim or finish time; None in ``ready``."""

    place: Place
    state: JobState
    attempt: int
    retries: int
    crashes: int
    at: int | None
    worker_id: int | None


class Ran(NamedTuple):
    """A run that has ended; ``next_at`` is the time set for the next run, if any."""

    attempt: int
    worker_id: int
    claimed_at: int
    started_at: int | None
    ended_at: int
    outcome: str
    next_at: int | None = None


class Acted(NamedTuple):
    """An operator's action on the job."""

    at: int
    verb: str
    who: str


class Life(NamedTuple):
    """A worker process's life; ``ended_at`` is None while it lasts."""

    name: str
    started_at: int
    ended_at: int | None


class Pause(NamedTuple):
    """A span in which a queue was paused; ``until`` is None while it lasts."""

    queue: str
    since: int
    until: int | None


@dataclass(frozen=True)
class History:
    """Everything on record about one job."""

    job_id: int
    queue: str
    created_at: int
    max_retries: int
    standings: Sequence[Standing] = ()
    runs: Sequence[Ran] = ()
    actions: Sequence[Acted] = ()
    unique_key: str | None = None


@dataclass(frozen=True)
class Surroundings:
    """Context that jobs share in an audit.

    It holds the time of the audit (``now``), the workers' lives, the queues' pauses and the changes of the wall clock;
    and, by job id in words: jobs claimed beyond a limit of their queue (``crowded``), jobs that share a unique key or
    lack the hold on theirs (``twins``), jobs that idle workers pass over, and jobs whose rows contradict each other.
    """

    now: int
    lives: Mapping[int, Life] = field(default_factory=dict)
    pauses: Sequence[Pause] = ()
    crowded: Mapping[int, str] = field(default_factory=dict)
    clock: WallClock = field(default_factory=WallClock)
    twins: Mapping[int, str] = field(default_factory=dict)
    passed_over: Mapping[int, str] = field(default_factory=dict)
    contradictions: Mapping[int, str] = field(default_factory=dict)


class Refused(NamedTuple):
    """A finish that the fence refused: its worker had lost the job."""

    job_id: int
    attempt: int
    worker_id: int
    at: int
    outcome: str


class Finding(NamedTuple):
    """A broken promise, and the job's record as a timeline of (time, words)."""

    rule: str
    job_id: int
    words: str
    timeline: list[tuple[int, str]]


Rule = Callable[[History, Surroundings], str | None]


def none_lost(job: History, _around: Surroundings) -> str | None:
    if len(job.standings) == 1:
        return None
    places = ", ".join(standing.place for standing in job.standings) or "nowhere"
    return f"it stands in {places}; every job stands in exactly one place"


def one_lease_at_a_time(job: History, around: Surroundings) -> str | None:
    for before, after in zip(job.runs, job.runs[1:], strict=False):
        if surely_before(around.clock.places(after.claimed_at), _ends(before, around), CLOCK_SLACK):
            return f"attempt {after.attempt} was claimed before attempt {before.attempt} ended"
    ended = {run.attempt for run in job.runs}
    leases = [s for s in job.standings if s.place is Place.LEASE]
    return next((f"attempt {s.attempt} has ended and still holds a lease" for s in leases if s.attempt in ended), None)


def _ends(run: Ran, around: Surroundings) -> list[tuple[int, int]]:
    return around.clock.ends(run.claimed_at, run.ended_at)


def finished_once(job: History, _around: Surroundings) -> str | None:
    finals = [run for run in job.runs if run.outcome == "completed"]
    resubmitted = sum(action.verb == "resubmit" for action in job.actions)
    if len(finals) > 1 + resubmitted:
        return f"{len(finals)} attempts were accepted as completed, and it was resubmitted {resubmitted} times"
    completed = any(s.state is JobState.COMPLETED for s in job.standings)
    if completed and (not job.runs or job.runs[-1].outcome != "completed"):
        return "it is completed, and its last attempt is not"
    return None


def fence_held(job: History, around: Surroundings) -> str | None:
    for run in job.runs:
        life = around.lives.get(run.worker_id)
        if run.outcome == "crashed" or life is None or life.ended_at is None:
            continue
        if surely_before(around.clock.places(life.ended_at), _ends(run, around), CLOCK_SLACK):
            return f"attempt {run.attempt} was accepted from {life.name} after that worker had been ended"
    return None


def ended_on_record(job: History, _around: Surroundings) -> str | None:
    """Every end has its run or operator; a job that ended reruns only after a resubmit."""
    verbs = [action.verb for action in job.actions]
    unfinished = any(not s.state.final for s in job.standings)
    again = sum(_final(run) for run in job.runs[: None if unfinished else -1])
    if again > sum(verb == "resubmit" for verb in verbs):
        return "it had ended and ran again or is to, and no resubmit is on record for that"
    for s in job.standings:
        if s.state not in ENDED_BY or (job.runs and job.runs[-1].outcome in ENDED_BY[s.state]):
            continue
        if not BY_OPERATORS[s.state] & set(verbs):
            return f"it is {s.state} by no run of its own, and no operator's action is on record for that"
    return None


def _final(run: Ran) -> bool:
    """True if no other run was to follow this one."""
    return run.outcome in {"completed", "canceled"} or (run.outcome in FAILURES and run.next_at is None)


def keys_unique(job: History, around: Surroundings) -> str | None:
    return around.twins.get(job.job_id)


def none_passed_over(job: History, around: Surroundings) -> str | None:
    return around.passed_over.get(job.job_id)


def history_whole(job: History, around: Surroundings) -> str | None:
    numbers = [run.attempt for run in job.runs]
    claimed = sum(s.attempt - (s.place is Place.LEASE) for s in job.standings)
    if len(job.standings) == 1 and numbers != list(range(1, claimed + 1)):
        return f"{claimed} attempts have ended by its place, {numbers} are on record"
    return next(filter(None, (_strange_run(run, around) for run in job.runs)), None)


def _strange_run(run: Ran, around: Surroundings) -> str | None:
    lost = run.worker_id not in around.lives and around.now - run.ended_at < LIVES_KEPT
    if lost and run.outcome != "crashed":  # rescue ends the leases of an unknown worker
        return f"attempt {run.attempt} is by worker {run.worker_id}, of which nothing is on record"
    if surely_before(_ends(run, around), around.clock.places(run.claimed_at), CLOCK_SLACK):
        return f"attempt {run.attempt} ended before it was claimed"
    return None


def budgets_kept(job: History, _around: Surroundings) -> str | None:
    failures = sum(run.outcome in FAILURES for run in job.runs)
    crashes = sum(run.outcome == "crashed" for run in job.runs)
    for s in job.standings:
        if s.retries > min(failures, job.max_retries + 1):
            return f"{s.retries} failures are charged, {failures} are on record, {job.max_retries + 1} are its limit"
        if s.retries < failures - _unbudgeted(job) and not any(a.verb in RENEWS for a in job.actions):
            return f"{s.retries} failures are charged, {failures} are on record"
        if s.crashes > min(crashes, MAX_CRASHES):
            return f"{s.crashes} crashes are charged, {crashes} are on record, {MAX_CRASHES} are the limit"
        by_itself = s.state is JobState.UNPROCESSABLE and s.crashes < MAX_CRASHES
        if by_itself and s.retries <= job.max_retries:
            return f"it was given up after {s.retries} failures and {s.crashes} crashes, before its budget was used"
    return None


def record_agrees(job: History, around: Surroundings) -> str | None:
    """Rows that record the same moment agree, so that neither was changed alone."""
    found = (_end_differs(job), _due_differs(job), _order_differs(job, around), around.contradictions.get(job.job_id))
    return next(filter(None, found), None)


def _end_differs(job: History) -> str | None:
    for s in job.standings:
        if s.state not in ENDED_BY:
            continue
        moments = {a.at for a in job.actions if a.verb in BY_OPERATORS[s.state] - {"undo"}}
        moments |= {run.ended_at for run in job.runs[-1:] if run.outcome in ENDED_BY[s.state]}
        if moments and s.at not in moments:
            return "it finished at another moment than its last run ended, or an operator ended it"
    return None


def _due_differs(job: History) -> str | None:
    """A retry is due when its last run said; a unique key may postpone a snoozed job."""
    if not job.runs or job.runs[-1].next_at is None:
        return None
    for s in job.standings:
        fixed = s.state is JobState.RETRYING or (s.state is JobState.SCHEDULED and job.unique_key is None)
        if fixed and s.at != job.runs[-1].next_at:
            return "it is due at another moment than its last run has set"
    return None


def _order_differs(job: History, around: Surroundings) -> str | None:
    places = around.clock.places
    for run in job.runs:
        if surely_before(places(run.claimed_at), places(job.created_at), CLOCK_SLACK):
            return f"attempt {run.attempt} was claimed before the job was queued"
        if run.started_at is None:
            continue
        if surely_before(places(run.started_at), places(run.claimed_at), CLOCK_SLACK):
            return f"attempt {run.attempt} started before it was claimed"
        if surely_before(_ends(run, around), places(run.started_at), CLOCK_SLACK):
            return f"attempt {run.attempt} ended before it started"
    return None


def _unbudgeted(job: History) -> int:
    """1 if the last failure said that a retry is useless, else 0."""
    return sum(run.outcome in FAILURES and run.next_at is None for run in job.runs[-1:])


def retries_not_early(job: History, around: Surroundings) -> str | None:
    for before, after in zip(job.runs, job.runs[1:], strict=False):
        if before.next_at is None or after.claimed_at >= before.next_at - CLOCK_SLACK:
            continue
        clock, ended = around.clock, _ends(before, around)
        if clock.was_set_back and clock.reached(before.next_at, ended, clock.places(after.claimed_at)):
            continue
        moments = [clock.places(a.at) for a in job.actions if a.verb == "resubmit"]
        if all(surely_before(moment, ended, CLOCK_SLACK) for moment in moments):
            return f"attempt {after.attempt} was claimed before the moment that was set for it"
    return None


def pause_kept(job: History, around: Surroundings) -> str | None:
    for run in job.runs:
        for pause in around.pauses:
            if pause.queue == job.queue and _inside(pause, run.claimed_at, around.clock):
                return f"attempt {run.attempt} was claimed while queue {job.queue} was paused"
    return None


def _inside(pause: Pause, moment: int, clock: WallClock) -> bool:
    places = clock.places(moment)
    if not surely_before(clock.places(pause.since), places, CLOCK_SLACK):
        return False
    # A pause may end at a set wall-clock time: then the wall clock decides.
    until = pause.until
    return until is None or (moment < until and surely_before(places, clock.places(until), CLOCK_SLACK))


def limits_kept(job: History, around: Surroundings) -> str | None:
    return around.crowded.get(job.job_id)


def none_stuck(job: History, around: Surroundings) -> str | None:
    living = [life for life in around.lives.values() if life.ended_at is None]
    for s in job.standings:
        overdue = s.at is not None and around.now - s.at > STUCK_AFTER < around.clock.unset_for(around.now)
        if s.place is Place.LEASE and overdue:
            life = around.lives.get(s.worker_id or 0)
            if life is None or life.ended_at is not None:
                return "it is held by a worker that has ended, and nobody has rescued it"
        if s.place is Place.DELAYED and overdue and living:
            return "it is due for more than a minute, and nobody has staged it"
    return None


RECORD = "record agrees"
RULES: dict[str, Rule] = {
    "none lost": none_lost,
    "one lease at a time": one_lease_at_a_time,
    "finished once": finished_once,
    "fence held": fence_held,
    "ended on record": ended_on_record,
    "keys unique": keys_unique,
    "none passed over": none_passed_over,
    "history whole": history_whole,
    "budgets kept": budgets_kept,
    RECORD: record_agrees,
    "retries not early": retries_not_early,
    "pause kept": pause_kept,
    "limits kept": limits_kept,
    "none stuck": none_stuck,
}
# An archive is protected by its digest, and retention uses ``finished_at`` as it stands.
RULES_OF_THE_ENDED = {name: rule for name, rule in RULES.items() if name != RECORD}
# The rules for jobs that are no longer stored; ``pqkit.audit.pruned_jobs`` judges by these.
RULES_OF_THE_PAST = SEALS, MISSING, ARCHIVES, TRAIL = ("seals whole", "none missing", "archives whole", "trail whole")


@dataclass
class Certificate:
    """The audit's scope and findings.

    ``checksum`` (SHA-256) covers every fact that was judged, in job order. ``contents`` covers every column of those
    jobs, such as arguments and results, which no rule can judge. ``pruned`` jobs are known by their seals; ``archived``
    ones among them were read from the archive and judged again. ``refused`` finishes broke nothing: the fence held.
    """

    jobs: int = 0
    pruned: int = 0
    archived: int = 0
    runs: int = 0
    first_job: int | None = None
    last_job: int | None = None
    states: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    checksum: str = ""
    contents: str = ""
    refused: list[Refused] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.findings

    def smallest(self) -> Finding | None:
        """Return the finding with the shortest timeline: the easiest to understand."""
        return min(self.findings, key=lambda found: (len(found.timeline), found.job_id), default=None)


def judge(
    histories: Iterable[History], around: Surroundings, rules: Mapping[str, Rule] = MappingProxyType(RULES)
) -> Certificate:
    """Check every job's history against every rule."""
    certificate, digest = Certificate(), hashlib.sha256()
    for job in histories:
        digest.update(repr((job.job_id, job.queue, job.standings, job.runs, job.actions)).encode())
        certificate.jobs += 1
        certificate.runs += len(job.runs)
        certificate.first_job = certificate.first_job or job.job_id
        certificate.last_job = job.job_id
        for standing in job.standings:
            certificate.states[standing.state] = certificate.states.get(standing.state, 0) + 1
        certificate.findings += _findings(job, around, rules)
    certificate.checksum = digest.hexdigest()
    return certificate


def _findings(job: History, around: Surroundings, rules: Mapping[str, Rule]) -> Iterator[Finding]:
    for name, rule in rules.items():
        words = rule(job, around)
        if words:
            yield Finding(name, job.job_id, words, timeline(job, around))


def timeline(job: History, around: Surroundings) -> list[tuple[int, str]]:
    """The job's events, oldest first."""
    events = [(job.created_at, f"queued in {job.queue}")]
    for run in job.runs:
        life = around.lives.get(run.worker_id)
        worker = life.name if life else f"worker {run.worker_id}"
        events.append((run.claimed_at, f"attempt {run.attempt} claimed by {worker}"))
        events.append((run.ended_at, f"attempt {run.attempt} {run.outcome}"))
        if life and life.ended_at is not None:
            events.append((life.ended_at, f"{worker} ended"))
    events += [(action.at, f"{action.verb} by {action.who}") for action in job.actions]
    events += [(s.at if s.at is not None else around.now, f"stands in {s.place} as {s.state}") for s in job.standings]
    return sorted(events)
