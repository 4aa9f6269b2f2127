"""A worker's log lines about jobs: one line for each of a few jobs, one line for a batch."""

from collections.abc import Sequence

from structlog.typing import FilteringBoundLogger

from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import Claim
from pqkit.domain.states import JobState
from pqkit.queue import Finished

FEW = 3
MANY_FAILURES = 20


class Teller:
    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log

    def claimed(self, claims: Sequence[Claim]) -> None:
        if len(claims) > FEW:
            self._log.info("dequeued", jobs=len(claims), first=claims[0].job_id, last=claims[-1].job_id)
            return
        for claim in claims:
            self._log.info("dequeued", job=claim.job_id, task=claim.task, attempt=claim.attempt)

    def ended(self, finished: Sequence[Finished]) -> None:
        good = [f for f in finished if f.outcome.state is JobState.COMPLETED]
        if len(good) > FEW:
            self._log.info("completed", jobs=len(good), first=good[0].claim.job_id, last=good[-1].claim.job_id)
        else:
            for f in good:
                self._log.info("completed", job=f.claim.job_id, task=f.claim.task, seconds=_seconds(f))
        rest = [f for f in finished if f.outcome.state is not JobState.COMPLETED]
        for f in rest[:MANY_FAILURES]:
            self._log.warning(_what(f), job=f.claim.job_id, task=f.claim.task, error=f.outcome.summary)
        if len(rest) > MANY_FAILURES:
            self._log.warning("and more like these", jobs=len(rest) - MANY_FAILURES)

    def refused(self, refused: Sequence[Finished]) -> None:
        for f in refused[:MANY_FAILURES]:
            self._log.error("finish refused: the lease was lost", job=f.claim.job_id, attempt=f.claim.attempt)


def _seconds(f: Finished) -> float | None:
    return None if f.started_at is None else round((f.ended_at - f.started_at) / SECOND, 3)


def _what(f: Finished) -> str:
    claim, outcome = f.claim, f.outcome
    match outcome.state:
        case JobState.RETRYING:
            return f"attempt {claim.retries + 1}/{claim.max_retries + 1} failed: retrying in {outcome.delay:g} s"
        case JobState.UNPROCESSABLE if outcome.charge == "crashes":
            return "crashed too often: set aside for review"
        case JobState.UNPROCESSABLE:
            return f"attempt {claim.retries + 1}/{claim.max_retries + 1} failed: retries used up, set aside for review"
        case JobState.SCHEDULED:
            return f"snoozed for {outcome.delay:g} s"
        case JobState.PENDING:
            return f"{outcome.kind}: back to its place in line"
        case _:
            return str(outcome.state)
