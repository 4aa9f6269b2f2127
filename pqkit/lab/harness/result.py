"""The result of an experiment."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pqkit.lab.harness.verdict import Evidence, Finding, counterexample, judge

MANY = 5
Progress = Callable[[float, str], None]


def silent(_fraction: float, _words: str) -> None:
    """Ignore the progress of an experiment."""


@dataclass
class Result:
    """A one-line ``figure``, ``numbers`` for programs, and ``findings`` that say what failed.

    ``tables`` are rows by name, for charts.
    """

    figure: str
    numbers: dict[str, object]
    findings: list[Finding] = field(default_factory=list)
    smallest: list[str] = field(default_factory=list)
    tables: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.findings

    def check(self) -> str:
        """Return the figure, or raise AssertionError if there are findings.

        The error lists findings and the smallest example.
        """
        told = rules_in_turn(self.findings)[:MANY]
        found = [f"{f.rule}: {f'job {f.job_id}: ' if f.job_id else ''}{f.words}" for f in told]
        assert self.passed, "\n".join([self.figure, *found, *self.smallest])
        return self.figure


@contextmanager
def catch_timeout(late: list[Finding]) -> Iterator[None]:
    """Let an experiment that waits without success go on to its verdict.

    The timeout becomes a finding that names the missing condition.
    """
    try:
        yield
    except TimeoutError as error:
        late.append(Finding("in time", None, str(error)))


def rules_in_turn(findings: list[Finding]) -> list[Finding]:
    """The first finding of each rule, then the second ones: a few of one kind are enough."""
    before: Counter[str] = Counter()

    def turn(finding: Finding) -> int:
        before[finding.rule] += 1
        return before[finding.rule]

    return sorted(findings, key=turn)


def verdict_of(evidence: Evidence, late: Sequence[Finding] = ()) -> tuple[list[Finding], list[str]]:
    """The findings, ``late`` before all others, and the shortest records of one job."""
    findings = judge(evidence)
    stories = [[f"{found.rule}: {found.words}", *counterexample(evidence, found)] for found in findings]
    return [*late, *findings], min(stories, key=len, default=[])
