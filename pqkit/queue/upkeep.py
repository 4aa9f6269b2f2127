"""What maintenance does to the queue: stage, rescue, prune; idempotent, in bounded batches, safe to run twice."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pqkit import offspring
from pqkit.db import Database, Transaction, clock
from pqkit.files import put_in_place
from pqkit.outcome import Claim, Outcome, crashed, released
from pqkit.queue.prune import Pruner, Which
from pqkit.queue.rollup import SECOND, merge, write_crashes
from pqkit.queue.settle import Finished, settle_each
from pqkit.queue.widen import widen_samples
from pqkit.sql import compiled as sql
from pqkit.states import JobState

BATCH = 500
DUTY_SECONDS = 5.0
DUTY_SPAN = round(DUTY_SECONDS * SECOND)
LEFT_BEHIND = "it left leases behind"
OTHERS = 2
FAILURES_KEPT = 86_400 * SECOND


class Living(NamedTuple):
    """A registry row of a worker that has not ended, as the look for the dead reads it, and the lease clock then.

    ``stopping_at`` is when the worker announced its stop.
    """

    id: int
    name: str
    pid: int
    process_start: int
    pid_space: str
    boot_id: str
    beat: int
    stopping_at: int | None
    now: int


class Agenda(NamedTuple):
    """What may be to do: when the next delayed job is due and the next slot of a schedule comes (microseconds UTC),
    whether jobs wait for others, files for their names, redrives for a step, and the newest action on record."""

    next_due: int | None
    next_tick: int | None
    dependents: bool
    files: bool
    redrives: bool
    last_action: int


NOTHING = Agenda(None, None, dependents=False, files=False, redrives=False, last_action=0)


class Rescued(NamedTuple):
    """A worker found dead, why, what became of the jobs it held, and which processes of its handlers were ended.

    ``excused`` says that the end is no evidence against a job.
    """

    worker: str
    reason: str
    requeued: list[int]
    quarantined: list[int]
    ended: list[offspring.Ended]
    excused: bool = False


class Renamed(NamedTuple):
    """How many staged files were put in place, and a line for each that could not be."""

    files: int
    refused: list[str]


class Deed(NamedTuple):
    """What an operator did, as it stands on record; ``detail`` is a JSON object."""

    id: int
    who: str
    verb: str
    job_id: int | None
    reason: str | None
    detail: str


class Upkeep:
    """The maintenance verbs. Whoever calls them takes the duty first; being two by accident does no harm."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_duty(self, worker_id: int, name: str = "maintenance") -> bool:
        """Take the duty for a few seconds of the lease clock; False while a living other holds it."""
        boot, reading = self._database.lease_moment()
        seen = self._database.row(sql.DUTY_HELD, reading, name)
        if seen and _held_by_other(seen, worker_id, boot):
            return False
        with self._database.write() as tx:
            held = tx.row(sql.DUTY_HELD, reading, name)
            if held and _held_by_other(held, worker_id, boot):
                return False
            # Of two that come at once, the second finds the row gone that it saw, or a new one in its place.
            if held and not tx.run(sql.DELETE_DUTY, name, held[0], held[2]):
                return False
            return bool(tx.run(sql.INSERT_DUTY, name, worker_id, boot, reading, DUTY_SPAN))

    def renew_duty(self, worker_id: int, name: str = "maintenance") -> bool:
        """Hold the duty for some seconds more; False where its time is over, or another has it."""
        boot, reading = self._database.lease_moment()
        return bool(self._database.write_one(sql.RENEW_DUTY, reading, DUTY_SPAN, name, worker_id, boot))

    def drop_duty(self, worker_id: int, name: str = "maintenance") -> None:
        """Give the duty up, so that another takes it at once."""
        with self._database.write() as tx:
            held = tx.row(sql.DUTY_HELD, self._database.lease_moment()[1], name)
            if held and held[0] == worker_id:
                tx.run(sql.DELETE_DUTY, name, held[0], held[2])

    def duty_is_free(self, worker_id: int, name: str = "maintenance") -> bool:
        """Whether no living other holds the duty."""
        boot, reading = self._database.lease_moment()
        seen = self._database.row(sql.DUTY_HELD, reading, name)
        return not (seen and _held_by_other(seen, worker_id, boot))

    def resign(self, worker_id: int, duties: Sequence[str]) -> None:
        """Give maintenance up, and put on record for which duties."""
        self.drop_duty(worker_id)
        with self._database.write() as tx:
            for duty in duties:
                tx.run(sql.RESIGNED_FOR, worker_id, duty)

    def note_failure(self, worker_id: int, duty: str, error: str) -> None:
        """Put on record that this duty fails again and again on that worker."""
        with self._database.write() as tx:
            tx.run(sql.INSERT_DUTY_FAILURE, worker_id, duty, self._database.now(), error, 0)

    def forget_failure(self, worker_id: int, duty: str) -> None:
        """It works there again."""
        with self._database.write() as tx:
            tx.run(sql.DELETE_DUTY_FAILURE, worker_id, duty)

    def clock_off(self, worker_id: int) -> float:
        """By how many seconds this process's wall clock differs from what the other workers of this boot agree on; 0
        where a server's clock decides, or fewer than two others tell."""
        boot, reading = self._database.lease_moment()
        if reading is None:
            return 0.0
        mine = self._database.now() - reading
        others: list[int] = sorted(ahead for (ahead,) in self._database.rows(sql.CLOCKS_AHEAD, boot, worker_id))
        if len(others) < OTHERS or others[-1] - others[0] > SECOND:
            return 0.0
        return (mine - others[0]) / SECOND

    def agenda(self) -> Agenda:
        """What may be to do now, asked at once."""
        return Agenda._make(self._database.row(sql.AGENDA))

    def next_due(self) -> int | None:
        """When the next delayed job is due, in microseconds UTC."""
        due: int | None = self._database.row(sql.NEXT_DUE)[0]
        return due

    def stage(self, now: int | None = None) -> int:
        """Bring due jobs to ``ready``; the number of jobs."""
        now = self._database.now() if now is None else now
        count = 0
        while True:
            with self._database.write() as tx:
                due = tx.rows(sql.DUE, now, BATCH)
                tx.run_many(sql.DELETE_DELAYED, [(job_id, due_at) for due_at, job_id, *_ in due])
                tx.run_many(sql.INSERT_READY, [_ready(*row[:-1]) for row in due])
                tx.run_many(sql.MARK_KEY, [(*row[2:4], row[1]) for row in due if row[-1] is not None])
            count += len(due)
            if len(due) < BATCH:
                return count

    def rescue(self, stale_after: float | None) -> list[Rescued]:
        """Put back what dead workers held. ``stale_after`` seconds without a beat count as death; None asks only
        whether the process is gone."""
        boot, reading = self._database.lease_moment()
        holders = self._database.rows(sql.HOLDERS, reading, BATCH)
        orphaned = [row[0] for row in holders if row[1] is None]
        living = [Living(*row) for row in holders if row[1] is not None]
        dead = [(worker, reason) for worker in living if (reason := _death(worker, boot, stale_after))]
        silence = (stale_after or 0.0) / 2 * SECOND
        rescued = [
            self._bury(worker, *_judged(worker, reason, boot, _is_machine_heard(worker, living, silence)))
            for worker, reason in dead
        ]
        rescued += [self._free(worker, Rescued(f"worker {worker}", LEFT_BEHIND, [], [], [])) for worker in orphaned]
        return [found for found in rescued if found]

    def finish_files(self) -> Renamed:
        """Carry out the renames that a worker died before; what the file system refuses is left for the next time."""
        found, last = Renamed(0, []), (0, "")
        while True:
            with self._database.read() as tx:
                intents = tx.rows(sql.INTENTS, *last, BATCH)
            placed, refused = self._finish_some(intents)
            found = Renamed(found.files + placed, found.refused + refused)
            if len(intents) < BATCH:
                return found
            last = intents[-1][:2]

    def actions_since(self, action_id: int) -> list[Deed]:
        """What operators did after that action, oldest first, at most a batch."""
        with self._database.read() as tx:
            return [Deed(*row) for row in tx.rows(sql.ACTIONS_SINCE, action_id, BATCH)]

    def prune(self, state: JobState, before: int) -> int:
        """Delete, under seal, the jobs that ended in ``state`` before that moment (microseconds UTC); how many."""
        return sum(batch.jobs for batch in Pruner(self._database, "maintenance").prune(Which(state, before)))

    def forget(self, before: int) -> None:
        """Drop the records of workers that ended, and of finishes that were refused, before that moment."""
        with self._database.write() as tx:
            tx.run(sql.FORGET_REFUSALS, before)
            tx.run(sql.FORGET_WORKERS, before)
            tx.run(sql.FORGET_DUTY_FAILURES, self._database.now() - FAILURES_KEPT)

    def _finish_some(self, intents: Sequence[tuple[int, str, str]]) -> Renamed:
        done, refused = [], []
        for job_id, staged, target in intents:
            try:
                put_in_place(staged, target)
                done.append((job_id, staged))
            except OSError as error:
                refused.append(f"job {job_id}: {target}: {error.strerror}")
        if done:
            with self._database.write() as tx:
                tx.run_many(sql.DELETE_INTENT, done)
        return Renamed(len(done), refused)

    def _bury(self, worker: Living, reason: str, excused: bool) -> Rescued | None:
        found = Rescued(worker.name, reason, [], [], [], excused)
        with self._database.write() as tx:
            if tx.row(sql.LOCK_WORKER, worker.id, worker.beat) is None:
                return None  # it has beaten since the look: alive after all
            tx.run(sql.DELETE_WORKER_TASKS, worker.id)
            # Before its jobs are free, for what it ran must not go on beside their next run.
            found.ended.extend(_end_offspring(worker))
            # All in one transaction: whose end is on record has nothing left that it could finish.
            more = self._free_some(tx, worker.id, found, may_charge=True)
            while more:
                more = self._free_some(tx, worker.id, found, may_charge=False)
            # Last, and by the clock as it is now: finishes that were waited for came before it.
            tx.run(sql.BURY_WORKER, self._database.now(), reason, worker.id, worker.beat)
        return found

    def _free(self, worker_id: int, found: Rescued) -> Rescued:
        """What is held in the name of a worker that has ended otherwise; that a job has ended it is not certain."""
        more = True
        while more:
            with self._database.write() as tx:
                more = self._free_some(tx, worker_id, found, may_charge=False)
        return found

    def _free_some(self, tx: Transaction, worker_id: int, found: Rescued, *, may_charge: bool) -> bool:
        """Put back a batch of what the worker held and add it to ``found``; whether there may be more."""
        leases = tx.rows(sql.LEASES_OF, worker_id, BATCH)
        alone = may_charge and len(leases) == 1
        for finished in self._settle_lost(tx, leases, found.reason, alone=alone, excused=found.excused):
            target = found.requeued if finished.outcome.state is JobState.PENDING else found.quarantined
            target.append(finished.claim.job_id)
        return len(leases) == BATCH

    def _settle_lost(
        self, tx: Transaction, leases: Sequence[tuple[object, ...]], reason: str, *, alone: bool, excused: bool
    ) -> list[Finished]:
        now = self._database.now()
        lost = [
            Finished(
                c,
                _excused(reason) if excused and asked is None else _lost(c, asked, reason, alone=alone),
                None,
                max(now, c.claimed_at),
            )
            for c, asked in map(_claim_and_wish, leases)
        ]
        settle_each(tx, lost)
        write_crashes(tx, lost)
        return lost

    def merge_rollups(self, now: int | None = None) -> int:
        """Bring roll-ups and samples that have become old into wider rows and drop the oldest; how many roll-ups fewer
        there are."""
        now = self._database.now() if now is None else now
        with self._database.write() as tx:
            widen_samples(tx, now)
            return merge(tx, now)


def _held_by_other(seen: tuple[Any, ...], worker_id: int, boot: str) -> bool:
    """Whether another has the duty: its time is not over, and its process is not known to be gone."""
    holder, its_boot, until, worker = *seen[:3], Living(*seen[3:])
    if holder == worker_id or its_boot != boot or until <= worker.now:
        return False
    return worker.id is None or not _death(worker, boot, None)


def _end_offspring(worker: Living) -> list[offspring.Ended]:
    """End what a dead worker's handlers left; not its process, which may be frozen, or be another life by now."""
    if worker.pid_space != clock.pid_space():
        return []
    same = clock.process_start(worker.pid) == worker.process_start
    return offspring.end(str(worker.id), spare=worker.pid if same else None)


def _ready(due: int, job_id: int, queue: str, priority: int, *rest: object) -> tuple[object, ...]:
    attempt, retries, crashes, assigned_to = rest
    return queue, priority, job_id, attempt, retries, crashes, 0, assigned_to, due


def _claim_and_wish(row: tuple[object, ...]) -> tuple[Claim, object]:
    return Claim._make(row[:-1]), row[-1]


def _lost(claim: Claim, cancel_asked: object, reason: str, *, alone: bool) -> Outcome:
    """A lease whose worker died. Alone in its worker it is charged; beside others each is only a suspect."""
    summary = f"its worker died ({reason})"
    if cancel_asked is not None:
        return Outcome("crashed", JobState.CANCELED, error=summary, summary="canceled; its worker died meanwhile")
    if alone:
        return crashed(claim, summary)
    return Outcome("crashed", JobState.PENDING, error=summary, summary=summary)


def _excused(reason: str) -> Outcome:
    """A lease whose worker's end says nothing against the job: uncharged, and no suspect."""
    return released(f"its worker died ({reason})")


def _is_machine_heard(worker: Living, living: Sequence[Living], silence: float) -> bool:
    """Whether another worker of its machine beat well after it; the workers of a lost machine fall silent together."""
    machine = clock.machine_of(worker.pid_space)
    others = [other.beat for other in living if clock.machine_of(other.pid_space) == machine]
    return machine == clock.machine_of(clock.pid_space()) or max(others) - worker.beat > silence


def _judged(worker: Living, reason: str, boot: str, machine_is_heard: bool) -> tuple[str, bool]:
    """The reason in full, and whether it excuses the jobs: only what a job may have done is evidence against it."""
    if worker.stopping_at is not None:
        return f"{reason}, after it was told to stop", True
    if worker.boot_id != boot:
        return reason, True
    if not machine_is_heard:
        return f"{reason}, and no other worker of its machine is heard", True
    if worker.pid_space == clock.pid_space() and clock.is_stopped(worker.pid):
        return f"{reason}, and its process was stopped by a signal", True
    return reason, False


def _death(worker: Living, boot: str, stale_after: float | None) -> str | None:
    if worker.boot_id != boot:
        return "its machine was started anew"
    if worker.pid_space == clock.pid_space() and _is_gone(worker):
        return "its process is gone"
    silent = (worker.now - worker.beat) / SECOND
    if stale_after is not None and silent > stale_after:
        return f"no heartbeat for {silent:.0f} s"
    return None


def _is_gone(worker: Living) -> bool:
    """Raises OSError where this process cannot look, as one that may open no more files."""
    try:
        return clock.process_start(worker.pid) != worker.process_start
    except PermissionError:  # that machine hides it
        return False
