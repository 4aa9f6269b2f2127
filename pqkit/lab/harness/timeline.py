"""An experiment's timeline: injected faults, runs, and recovery times after a death."""

from collections.abc import Sequence
from typing import NamedTuple

from pqkit.domain.durations import SECOND
from pqkit.queries.time_range import RunView


class Blow(NamedTuple):
    """A worker was ``killed`` or ``frozen``, in microseconds UTC.

    A death is seen up to a tenth of a second late.
    """

    at: int
    kind: str
    worker: str


class Recovery(NamedTuple):
    """A job whose worker died, and the seconds until another worker claimed it."""

    job: int
    worker: str
    seconds: float


def recoveries(runs: Sequence[RunView], blows: Sequence[Blow]) -> list[Recovery]:
    """The recovery of each run that a death ended and another run followed.

    A run's worker dies once.
    """
    died = {blow.worker: blow.at for blow in blows if blow.kind == "killed"}
    later = {(run.job, run.attempt): run.claimed_at for run in runs}
    return [
        Recovery(run.job, run.worker, max(0, later[run.job, run.attempt + 1] - died[run.worker]) / SECOND)
        for run in runs
        if run.outcome == "crashed" and run.worker in died and (run.job, run.attempt + 1) in later
    ]
