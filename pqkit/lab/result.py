"""What an experiment comes to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pqkit.lab.verdict import Evidence, Finding, counterexample, judge

Progress = Callable[[float, str], None]


def silent(_fraction: float, _words: str) -> None:
    """For experiments that nobody watches."""


@dataclass
class Result:
    """``figure`` is the one line to remember, ``numbers`` are for programs, ``findings`` say what fell short."""

    figure: str
    numbers: dict[str, object]
    findings: list[Finding] = field(default_factory=list)
    smallest: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.findings


def verdict_of(evidence: Evidence) -> tuple[list[Finding], list[str]]:
    """The findings, and the records of the job of which there is least to read."""
    findings = judge(evidence)
    stories = [[f"{found.rule}: {found.words}", *counterexample(evidence, found)] for found in findings]
    return findings, min(stories, key=len, default=[])
