"""Slots that record each run as a span of its producer's trace."""

from contextlib import suppress

from pqkit import tracing
from pqkit.domain.context import Context
from pqkit.domain.outcomes import Claim, Outcome
from pqkit.domain.states import JobState
from pqkit.errors import DatabaseUnavailable
from pqkit.sql import compiled as sql
from pqkit.worker.executor import Run
from pqkit.worker.slots import Slots


class TracedSlots(Slots):
    """The slots of a worker with the setting ``traces``."""

    def _run(self, run: Run) -> tuple[Outcome, bool]:
        claim = run.claim
        with tracing.running(claim.task, claim.job_id, claim.attempt, self._parent(claim)):
            outcome, written = super()._run(run)
            _say(outcome)
        return outcome, written

    async def _handle(self, run: Run, ctx: Context | None) -> Outcome:
        claim = run.claim
        with tracing.running(claim.task, claim.job_id, claim.attempt, self._parent(claim)):
            outcome = await super()._handle(run, ctx)
            _say(outcome)
        return outcome

    def _parent(self, claim: Claim) -> str | None:
        with suppress(DatabaseUnavailable), self._database.read() as tx:
            row = tx.row(sql.TRACE_OF, claim.job_id)
            return row[0] if row else None
        return None


def _say(outcome: Outcome) -> None:
    tracing.ended(outcome.kind, None if outcome.state is JobState.COMPLETED else outcome.summary)
