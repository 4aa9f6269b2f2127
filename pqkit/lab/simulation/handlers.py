"""The handlers of simulated workers: the outcomes and effects of each kind of job."""

from collections.abc import Callable, Sequence

from sqlalchemy import text

from pqkit.domain.outcomes import Cancel, ChildDied, Claim, Fail, Outcome, Retry, Snooze, Stopped, completed
from pqkit.lab.simulation.machine import World
from pqkit.lab.simulation.oracle import Witness, target_of
from pqkit.lab.simulation.worker_processes import Worker
from pqkit.queue import Finished
from pqkit.worker.attempt import conclude, make_context
from pqkit.worker.executor import Run


class Unreadable(Exception):
    """An error whose ``str()`` ends the program."""

    def __str__(self) -> str:
        raise SystemExit


# The outcomes of each kind of handler. A "poison" kills its worker, an "effect" writes through its job's session,
# a "file" stages a file.
ENDINGS: dict[str, Sequence[Exception | None]] = {
    "good": [None],
    "flaky": [None, ValueError("no luck")],
    "doomed": [ValueError("never"), Unreadable()],
    "moody": [None, Cancel(), Fail(), Snooze(4), Stopped(), Retry(after=0), ChildDied("signal 9")],
}
TASKS = (*ENDINGS, "effect", "file", "poison")


class Handlers:
    """Runs the handlers of one seed's workers. ``kill`` ends a worker's process."""

    def __init__(self, world: World, witness: Witness, kill: Callable[[Worker], None]) -> None:
        self._world, self._witness, self._rng, self._kill = world, witness, world.rng, kill

    def run(self, worker: Worker, claim: Claim) -> None:
        if claim.task == "poison":
            self._witness.jobs[claim.job_id].deaths += 1
            self._world.say(f"job {claim.job_id} kills {worker.name}")
            self._kill(worker)
            return
        run = Run(claim, self._world.database.now())
        if claim.task == "effect":
            self._run_with_effect(worker, run)
            return
        run.cancel_asked = claim.job_id in worker.canceled
        if claim.task == "file":
            self._hand_in(worker, run, self._stage_file(claim))
            return
        error = self._rng.choice(ENDINGS[claim.task])
        try:
            outcome = completed(None) if error is None else run.outcome_of(error)
        except SystemExit:
            self._world.say(f"job {claim.job_id} ends a slot of {worker.name}")
            return
        self._hand_in(worker, run, outcome)

    def _run_with_effect(self, worker: Worker, run: Run) -> None:
        expected = Finished(run.claim, completed(None), run.started_at, self._world.database.now())
        ended = self._world.act(worker, "the commit of an effect", lambda: self._commit_effect(run))
        if ended is None:
            self._witness.found_ended([expected])
        elif ended[1]:
            self._witness.ended(expected, accepted=True)
            self._world.say(f"{worker.name} commits the effect of job {run.claim.job_id}")
        else:
            self._hand_in(worker, run, ended[0])

    def _stage_file(self, claim: Claim) -> Outcome:
        target = target_of(claim.job_id)
        staged = f"{target}-{claim.attempt}"
        self._world.machine.files[staged] = claim.attempt
        return completed(None, ((staged, target),))

    def _hand_in(self, worker: Worker, run: Run, outcome: Outcome) -> None:
        worker.ended.append(Finished(run.claim, outcome, run.started_at, self._world.database.now()))

    def put_files_in_place(self, worker: Worker) -> None:
        """Rename staged files, often much later than the finish: the worker may have been frozen."""
        done, worker.renames = worker.renames, []
        for _, staged, target in done:
            self._world.machine.put_in_place(staged, target)
        if done and (leases := worker.leases):
            self._world.act(worker, "a rename", lambda: leases.renamed([file[:2] for file in done]))

    def _commit_effect(self, run: Run) -> tuple[Outcome, bool]:
        claim, database = run.claim, self._world.database
        ctx = make_context(database, run, lambda *_: None)
        values = {"job_id": claim.job_id, "attempt": claim.attempt}
        ctx.session.connection().execute(text("INSERT INTO effect VALUES (:job_id, :attempt)"), values)
        return conclude(database, run, ctx, completed(None))
