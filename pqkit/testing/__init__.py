"""For your tests: a queue for one test, whose clock you move and whose jobs you run."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pqkit import queries
from pqkit.db.schema import ensure
from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import Claim
from pqkit.domain.states import JobState
from pqkit.domain.tasks import Task, registry
from pqkit.leasing.worker_leases import Report
from pqkit.queries import Filter, JobView
from pqkit.queue import Finished, Leases, Queue, stand_in
from pqkit.testing.fake_clock import FakeClock, RehearsedDatabase
from pqkit.worker.attempt import attempt
from pqkit.worker.executor import Run, execute

__all__ = ["FakeClock", "Ran", "RehearsalQueue", "rehearsal_queue"]

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made in it
EVERY = 100_000


class Ran(NamedTuple):
    """One run: its job, how it ended, and the job's state after it.

    ``outcome`` is the word of its history, ``result`` is what the handler returned, ``error`` its traceback.
    """

    job_id: int
    task: str
    attempt: int
    outcome: str
    state: JobState
    result: Any
    error: str | None


class RehearsalQueue(Queue):
    """A queue for one test, in memory where the system allows it; only you run its jobs."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.before_finish: Callable[[], None] = lambda: None
        super().__init__(RehearsedDatabase(folder / "queue.db", self.clock))
        ensure(self.database)

    def run_until_empty(self, *, wait: bool = True, most: int = 10_000) -> list[Ran]:
        """Run all due jobs in this thread, until none is due.

        With ``wait``, the clock advances to the jobs that are due later. Timeouts and ``isolation="process"`` are not
        enforced. Raises AssertionError after ``most`` runs.
        """
        done: list[Ran] = []
        with self._worker() as leases:
            while claim := self._next(leases, wait=wait):
                if len(done) == most:
                    raise AssertionError(f"the queue is not empty after {most} runs: the last was of {done[-1].task}")
                done.append(self._run(leases, claim))
        return done

    def run_next(self) -> Ran | None:
        """Run the job that is due first, after waiting for it; None if there is none."""
        with self._worker() as leases:
            claim = self._next(leases, wait=True)
            return None if claim is None else self._run(leases, claim)

    def assert_enqueued(
        self,
        task: Task[..., Any] | str,
        args: Mapping[str, Any] | None = None,
        *,
        queue: str | None = None,
        count: int | None = None,
    ) -> list[JobView]:
        """Return the jobs of that task, in any state, that have at least these arguments.

        Raises AssertionError, which lists the queued jobs, unless it finds ``count`` jobs (at least one if ``count`` is
        None).
        """
        name = task.name if isinstance(task, Task) else task
        everything = [queries.job(self.database, one, decrypt=True).job for one in self._ids()]
        wanted = dict(args or {})
        found = [
            job
            for job in everything
            if job.task == name and queue in {None, job.queue} and _has(json.loads(job.args), wanted)
        ]
        if len(found) != count if count is not None else not found:
            expected = "at least one job" if count is None else f"{count} jobs"
            told = [f"  {job.id} {job.task} {job.args} in {job.queue}, {job.state}" for job in everything]
            raise AssertionError(
                f"expected {expected} of {name} with {wanted}, found {len(found)}; queued were:\n" + "\n".join(told)
            )
        return found

    @contextmanager
    def _worker(self) -> Iterator[Leases]:
        leases = self.leases("rehearsal", 1, tuple(registry))
        leases.register()
        try:
            yield leases
        finally:
            leases.end("the rehearsal is over")

    def _ids(self) -> list[int]:
        return sorted(queries.ids(self.database, Filter(), EVERY))

    def _next(self, leases: Leases, *, wait: bool) -> Claim | None:
        upkeep = self.upkeep()
        while True:
            upkeep.stage()
            claims = leases.exchange([], 1, alone=True).claims
            if claims:
                return claims[0]
            due = upkeep.next_due()
            if due is None or not wait:
                return None
            self.clock.advance((due - self.clock.now) / SECOND)

    def _run(self, leases: Leases, claim: Claim) -> Ran:
        run, reports = Run(claim, self.clock.now), list[Report]()
        outcome, written = attempt(
            self.database,
            run,
            execute,
            lambda of, fraction, text: reports.append(Report(of, self.clock.now, fraction, text)),
        )
        self.before_finish()
        ended = [] if written else [Finished(claim, outcome, run.started_at, self.clock.now)]
        leases.exchange(ended, 0, alone=True, reports=reports)
        self.upkeep().finish_files()
        result = None if outcome.result is None else json.loads(outcome.result)
        return Ran(claim.job_id, claim.task, claim.attempt, outcome.kind, outcome.state, result, outcome.error)


def _has(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(name in stored and stored[name] == value for name, value in wanted.items())


@contextmanager
def rehearsal_queue() -> Iterator[RehearsalQueue]:
    """A queue that ``get_queue()`` and ``task.enqueue`` use within the ``with`` block.

    It is deleted afterwards.
    """
    folder = Path(tempfile.mkdtemp(prefix="pqkit-test-", dir=MEMORY if MEMORY.is_dir() else None))
    queue = RehearsalQueue(folder)
    try:
        with stand_in(queue):
            yield queue
    finally:
        queue.close()
        shutil.rmtree(folder, ignore_errors=True)
