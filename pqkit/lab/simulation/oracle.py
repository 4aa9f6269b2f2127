"""The witness of a simulation: compares the promises with the database, from outside."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pqkit.domain.outcomes import MAX_CRASHES, Claim
from pqkit.domain.states import JobState
from pqkit.lab.simulation.databases import SimulatedDatabase
from pqkit.queries import misplaced
from pqkit.queries.audit_history import audit
from pqkit.queue import Finished

STALE_AFTER = 30.0
LIVING_KEEP = "the living keep their leases"
NEIGHBOURS = "neighbours uncharged"
POISON = "poison set aside"
EFFECTS = "effects once"
EVIDENCE = "only evidence counts"
FORKS = "children queue for themselves"
FREE = "what is free starts"
DRAINED = "drained"
FILES = "files in place"


class Broken(NamedTuple):
    """A broken promise; ``job_id`` is 0 if it is about no single job."""

    rule: str
    job_id: int
    words: str


@dataclass
class Seen:
    """The witness's record of one job.

    ``holder`` is (attempt, worker id) while a worker holds the job. ``file`` is the attempt whose file was accepted
    last.
    """

    kind: str = "?"
    acknowledged: bool = False
    holder: tuple[int, int] | None = None
    claims: int = 0
    completions: int = 0
    crashes: int = 0
    deaths: int = 0
    excused: int = 0
    resubmitted: int = 0
    deleted: bool = False
    file: int | None = None


class Life(NamedTuple):
    """The witness's record of a worker life.

    ``alive`` is true while its process exists. ``silent`` is the seconds since its last heartbeat, on its machine's
    clock. ``excused`` is true if its end is no evidence against a job, and None if that is unknown because its end may
    have come before a reboot of its machine.
    """

    alive: bool
    silent: float
    excused: bool | None


class Witness:
    """Judges every step as it happens, and the whole at the end."""

    def __init__(self, database: SimulatedDatabase) -> None:
        self._database = database
        self.jobs: defaultdict[int, Seen] = defaultdict(Seen)
        self.broken: list[Broken] = []
        self.paused: dict[str, int | None] = {}

    def blame(self, rule: str, job_id: int, words: str) -> None:
        self.broken.append(Broken(rule, job_id, words))

    def holds(self, claim: Claim) -> bool:
        return self.jobs[claim.job_id].holder == (claim.attempt, claim.worker_id)

    def queued(self, job_ids: Iterable[int], kind: str) -> None:
        """Record an enqueue that returned: from now on its jobs must never be lost."""
        for job_id in job_ids:
            self.jobs[job_id].kind = kind
            self.jobs[job_id].acknowledged = True

    def claimed(self, claims: Sequence[Claim], running: Sequence[Claim]) -> None:
        """Check a worker's new claims beside the jobs that it already runs."""
        beside = [*running, *claims]
        if claims and len(beside) > 1 and any(claim.suspect for claim in beside):
            self.blame(NEIGHBOURS, claims[0].job_id, "claimed beside a suspect, or a suspect beside others")
        for claim in claims:
            seen = self.jobs[claim.job_id]
            if seen.holder is not None:
                self.blame("one lease at a time", claim.job_id, f"claimed while {seen.holder} held it")
            if self._paused(claim.queue):
                self.blame("pause kept", claim.job_id, f"claimed while queue {claim.queue} was paused")
            seen.kind, seen.holder = claim.task, (claim.attempt, claim.worker_id)
            seen.claims += 1

    def ended(self, finished: Finished, *, accepted: bool) -> None:
        """Check the answer that a worker got to a finish."""
        claim, held = finished.claim, self.holds(finished.claim)
        if accepted and not held:
            self.blame("fence held", claim.job_id, f"attempt {claim.attempt} was accepted after its lease was lost")
        if held and not accepted:
            self.blame("fence held", claim.job_id, f"attempt {claim.attempt} was refused and held its lease")
        if accepted:
            self._accept(finished)

    def failed(self, finished: Sequence[Finished], error: Exception) -> None:
        """Check an exchange that raised an error instead of refusing jobs."""
        for one in finished:
            if not self.holds(one.claim):
                self.blame("fence held", one.claim.job_id, f"a lost lease was not refused but met {error!r}")

    def found_ended(self, finished: Sequence[Finished]) -> None:
        """Read the results from the database after the worker died before it got an answer."""
        for one in finished:
            claim = one.claim
            row = self._row("SELECT outcome FROM attempt WHERE job_id = ? AND attempt = ?", claim.job_id, claim.attempt)
            if row is not None and row[0] == one.outcome.kind and self.holds(claim):
                self._accept(one)

    def found_claimed(self, worker_id: int) -> None:
        """Read the claims from the database after the worker died before it got them."""
        for job_id, attempt in self._rows("SELECT job_id, attempt FROM lease WHERE worker_id = ?", worker_id):
            seen = self.jobs[job_id]
            if seen.holder != (attempt, worker_id):
                seen.holder = (attempt, worker_id)
                seen.claims += 1

    def rescued(self, lives: dict[int, Life]) -> None:
        """Compare the leases with the known holders.

        Each lease that is gone must have had a dead or silent worker.
        """
        left = set(self._rows("SELECT job_id, attempt, worker_id FROM lease"))
        held: dict[int, list[int]] = defaultdict(list)
        for job_id, seen in self.jobs.items():
            if seen.holder is not None:
                held[seen.holder[1]].append(job_id)
        for worker_id, job_ids in held.items():
            gone = [i for i in job_ids if (i, *(self.jobs[i].holder or ())) not in left]
            life = lives.get(worker_id, Life(alive=False, silent=0, excused=False))
            if gone and life.alive and life.silent <= STALE_AFTER:
                self.blame(LIVING_KEEP, gone[0], f"taken from a worker that beat {life.silent:.3f} s ago")
            for job_id in gone:
                self._let_go(job_id, alone=len(job_ids) == 1, excused=life.excused)

    def stopped(self, finished: Iterable[Finished]) -> None:
        """Check the outcomes of attempts that a stopping worker interrupted."""
        for one in finished:
            if one.outcome.charge is not None:
                self.blame(EVIDENCE, one.claim.job_id, f"a stop was charged to it as {one.outcome.kind}")

    def operated(self, verb: str, job_ids: Iterable[int]) -> None:
        for job_id in job_ids:
            seen = self.jobs[job_id]
            seen.deleted = seen.deleted or verb == "delete"
            if verb == "resubmit":
                seen.resubmitted += 1
                seen.crashes = 0

    def found_operated(self, job_ids: Iterable[int]) -> None:
        """Read an operator's action from the database after its process died without an answer."""
        for job_id in job_ids:
            row = self._row("SELECT verb FROM action WHERE job_id = ? ORDER BY id DESC", job_id)
            exists = self._row("SELECT 1 FROM job WHERE id = ?", job_id)
            resubmits = self._row("SELECT count(*) FROM action WHERE job_id = ? AND verb = 'resubmit'", job_id)[0]
            if row is not None and (exists is None or resubmits > self.jobs[job_id].resubmitted):
                self.operated("delete" if exists is None else "resubmit", [job_id])

    def expired(self, state: JobState, before: int) -> list[int]:
        """The jobs that a prune may delete."""
        rows = self._rows("SELECT job_id FROM closed WHERE state = ? AND finished_at < ?", state, before)
        return [job_id for (job_id,) in rows]

    def pruned(self, job_ids: Iterable[int]) -> None:
        """Record a prune of these jobs that ended or was killed in the middle."""
        for job_id in job_ids:
            if self._row("SELECT 1 FROM job WHERE id = ?", job_id) is None:
                self.jobs[job_id].deleted = True

    def found_paused(self, queue: str) -> None:
        """Read the pause of a queue after an operator changed it or was killed in the attempt.

        From now on the database's state holds.
        """
        row = self._row("SELECT paused_at, paused_until FROM queue WHERE name = ?", queue)
        self.paused.pop(queue, None)
        if row is not None and row[0] is not None:
            self.paused[queue] = row[1]

    def claims(self) -> int:
        """The number of claims of all jobs."""
        return sum(seen.claims for seen in self.jobs.values())

    def all_ended(self) -> bool:
        """True if every job is closed and every file in place."""
        unfinished = self._row("SELECT 1 FROM job WHERE id NOT IN (SELECT job_id FROM closed)")
        return unfinished is None and self._row("SELECT 1 FROM file_intent") is None

    def judge(self, *, drained: bool) -> list[Broken]:
        """All broken promises, after the end of the calm."""
        if not drained:
            left = self._rows("SELECT id, state FROM job_state WHERE id NOT IN (SELECT job_id FROM closed)")
            words = f"unfinished after a long calm: {left[:5] or 'some files'}"
            self.blame(DRAINED, left[0][0] if left else 0, words)
        for problem in misplaced(self._database):
            self.blame("none lost", 0, f"stands in no place, or in two: {problem}")
        if self._row("SELECT 1 FROM unique_hold WHERE job_id IN (SELECT job_id FROM closed)"):
            self.blame("keys are freed", 0, "a job that has ended holds its unique key")
        states = {row[0]: row[1:] for row in self._rows("SELECT id, state, crashes FROM job_state")}
        runs = Counter(row[0] for row in self._rows("SELECT job_id FROM attempt"))
        effects = Counter(row[0] for row in self._rows("SELECT job_id FROM effect"))
        for job_id, seen in self.jobs.items():
            if seen.file != (found := self._database.machine.files.get(target_of(job_id))):
                self.blame(FILES, job_id, f"attempt {seen.file} was accepted last, the file is of attempt {found}")
            if not seen.deleted:
                self._judge_job(job_id, seen, states.get(job_id), runs[job_id], effects[job_id])
        for rule, job_id, words, _ in audit(self._database).findings:
            self.blame(rule, job_id, f"audit: {words}")
        return self.broken

    def _judge_job(self, job_id: int, seen: Seen, stands: Any, runs: int, effects: int) -> None:
        if stands is None:
            if seen.acknowledged:
                self.blame("none lost", job_id, "its enqueue was acknowledged, and it is not there")
            return
        state = stands[0]
        if runs != seen.claims - (seen.holder is not None):
            self.blame("history whole", job_id, f"{seen.claims} claims were made, {runs} runs are on record")
        if seen.completions > 1 + seen.resubmitted:
            self.blame("finished once", job_id, f"{seen.completions} completions were accepted")
        if seen.kind == "effect" and effects != seen.completions:
            self.blame(EFFECTS, job_id, f"{effects} effects, {seen.completions} accepted completions")
        most = (1 + MAX_CRASHES) * (1 + seen.resubmitted) + seen.excused
        if seen.kind == "poison" and (state == JobState.COMPLETED or seen.deaths > most):
            self.blame(POISON, job_id, f"it is {state} and killed {seen.deaths} workers")
        if state is None:
            self.blame("none lost", job_id, "it stands nowhere")

    def _let_go(self, job_id: int, *, alone: bool, excused: bool | None) -> None:
        """Check that a rescue charged the crash to the right job."""
        seen = self.jobs[job_id]
        seen.holder = None
        row = self._row("SELECT state, crashes FROM job_state WHERE id = ?", job_id)
        if row is None or row[0] is None:
            self.blame("none lost", job_id, "its worker died, and it stands nowhere")
            return
        state, crashes = row
        excused = crashes == seen.crashes if excused is None else excused
        seen.excused += excused
        if state != JobState.CANCELED:
            expected = seen.crashes + (alone and not excused)
            if crashes != expected:
                rule = EVIDENCE if excused else POISON if alone else NEIGHBOURS
                self.blame(rule, job_id, f"{crashes} crashes charged, {expected} its own")
            seen.crashes = crashes

    def _accept(self, finished: Finished) -> None:
        seen = self.jobs[finished.claim.job_id]
        seen.holder = None
        seen.completions += finished.outcome.kind == "completed"
        seen.crashes += finished.outcome.charge == "crashes"
        seen.file = finished.claim.attempt if finished.outcome.files else seen.file

    def _paused(self, queue: str) -> bool:
        if queue not in self.paused:
            return False
        until = self.paused[queue]
        return until is None or until > self._database.now()

    def _rows(self, text: str, *values: object) -> list[Any]:
        return self._database.ask(text, *values)

    def _row(self, text: str, *values: object) -> Any:
        rows = self._database.ask(text, *values)
        return rows[0] if rows else None


def target_of(job_id: int) -> str:
    """The file that a job of the kind "file" writes."""
    return f"file-{job_id}"
