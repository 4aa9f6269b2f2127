"""The verdict on an experiment: answers to producers, handler runs and database compared."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from pqkit.audit.rules import Certificate
from pqkit.domain.states import JobState
from pqkit.lab.harness.ledger import Entry, Told


class Evidence(NamedTuple):
    """The evidence that an experiment leaves.

    ``states`` (None: the job is in no table) and ``accepted`` (the attempts whose completion the queue took) are the
    database's; ``effects`` are the attempts that left one, for each job whose task leaves effects.
    """

    told: Told
    entries: Sequence[Entry]
    states: Mapping[int, JobState | None]
    accepted: Mapping[int, Sequence[int]]
    effects: Mapping[int, Sequence[int]]
    misplaced: Sequence[int]
    certificate: Certificate


class Finding(NamedTuple):
    """A broken promise; ``job_id`` is None if it is not about one job."""

    rule: str
    job_id: int | None
    words: str


Rule = Callable[[Evidence], Iterator[tuple[int | None, str]]]


def none_lost(e: Evidence) -> Iterator[tuple[int | None, str]]:
    for job_id in sorted(set(e.told.ids) - e.states.keys()):
        yield job_id, "a producer was told this id, and there is no such job"


def told_once(e: Evidence) -> Iterator[tuple[int | None, str]]:
    for job_id, times in Counter(e.told.ids).items():
        if times > 1:
            yield job_id, f"producers were told this id {times} times"


def none_unexpected(e: Evidence) -> Iterator[tuple[int | None, str]]:
    """Jobs without an acknowledgement must fit requests whose producer was killed.

    Each such request is whole or absent.
    """
    unknown = sorted(e.states.keys() - set(e.told.ids))
    possible = {0}
    for jobs in e.told.unanswered:
        possible |= {total + jobs for total in possible}
    if len(unknown) not in possible:
        words = f"{len(unknown)} jobs were announced to nobody; requests without an answer, each whole or absent, "
        yield (
            next(iter(unknown), None),
            f"{words}were for {sorted(e.told.unanswered)} jobs, which does not explain them",
        )


def all_final(e: Evidence) -> Iterator[tuple[int | None, str]]:
    for job_id, state in e.states.items():
        if state is None or not state.final:
            yield job_id, f"it is {state or 'nowhere'} when all should have ended"


def one_run_per_lease(e: Evidence) -> Iterator[tuple[int | None, str]]:
    begun = Counter((entry.job_id, entry.attempt) for entry in e.entries if entry.phase == "begun")
    for (job_id, attempt), times in begun.items():
        if times > 1:
            yield job_id, f"attempt {attempt} was run {times} times"


def accepted_once(e: Evidence) -> Iterator[tuple[int | None, str]]:
    for job_id, attempts in e.accepted.items():
        if len(attempts) > 1:
            yield job_id, f"attempts {list(attempts)} were all accepted"


def accepted_ran(e: Evidence) -> Iterator[tuple[int | None, str]]:
    done = {(entry.job_id, entry.attempt) for entry in e.entries if entry.phase == "done"}
    for job_id, attempts in e.accepted.items():
        for attempt in attempts:
            if (job_id, attempt) not in done:
                yield job_id, f"attempt {attempt} was accepted, and no handler came to the end of it"


def effects_once(e: Evidence) -> Iterator[tuple[int | None, str]]:
    for job_id, attempts in e.effects.items():
        wanted = list(e.accepted.get(job_id, ()))
        if list(attempts) != wanted:
            yield job_id, f"attempts {list(attempts)} left effects, attempts {wanted} were accepted"


def in_one_place(e: Evidence) -> Iterator[tuple[int | None, str]]:
    for job_id in e.misplaced:
        yield job_id, "it does not stand in exactly one place"


def audit_clean(e: Evidence) -> Iterator[tuple[int | None, str]]:
    for finding in e.certificate.findings:
        yield finding.job_id, f"{finding.rule}: {finding.words}"


RULES: dict[str, Rule] = {
    "none lost": none_lost,
    "told once": told_once,
    "none unexpected": none_unexpected,
    "all final": all_final,
    "one run per lease": one_run_per_lease,
    "accepted once": accepted_once,
    "accepted ran": accepted_ran,
    "effects once": effects_once,
    "in one place": in_one_place,
    "audit clean": audit_clean,
}


def judge(evidence: Evidence) -> list[Finding]:
    """The findings against the queue, by rule; empty when every promise was kept."""
    return [Finding(name, job_id, words) for name, rule in RULES.items() for job_id, words in rule(evidence)]


def counterexample(evidence: Evidence, finding: Finding) -> list[str]:
    """All records of the finding's job, in words and in order."""
    job_id = finding.job_id
    if job_id is None:
        return []
    told = [f"a producer was told of job {job_id}"] if job_id in evidence.told.ids else []
    runs = [f"process {e.pid}: attempt {e.attempt} {e.phase}" for e in evidence.entries if e.job_id == job_id]
    audited = [what for f in evidence.certificate.findings if f.job_id == job_id for _, what in f.timeline]
    state = evidence.states.get(job_id)
    return [*told, *runs, *dict.fromkeys(audited), f"in the database: {state or 'nothing'}"]
