"""Operators' verbs on jobs and queues: each checks the state and records an action."""

import getpass
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from operator import index
from typing import Any, NamedTuple, Unpack

from pqkit.db import Database, Transaction
from pqkit.domain.names import BadOrder, check_name
from pqkit.domain.queue_limits import QueueOptions, QueueSettings
from pqkit.domain.retry_policy import check_moment
from pqkit.domain.states import JobState, allows
from pqkit.domain.tasks import Task
from pqkit.errors import NotFound, Refused
from pqkit.jobs import transitions
from pqkit.jobs.insert import Inserted, Inserter
from pqkit.jobs.spec import check_priority, make_order, order_like
from pqkit.jobs.transitions import Moved, Standing
from pqkit.operations.action_seals import seal_actions
from pqkit.redaction.redact import restored
from pqkit.security import encryption
from pqkit.sql import compiled as sql

BATCH = 500
MOST_WITH_QUEUE = 5_000
PAST = {
    "resubmit": "resubmitted",
    "cancel": "canceled",
    "mark_failed": "marked failed",
    "assign": "assigned",
    "set_priority": "given another priority",
    "replace": "replaced",
    "delete": "deleted",
}


class Done(NamedTuple):
    """A verb's result: the changed jobs, and the reason for each refused one (one line by id)."""

    changed: list[int]
    refused: dict[int, str]


class Deed(NamedTuple):
    """The record of an action: the verb, the reason, and further details."""

    verb: str
    reason: str | None = None
    detail: dict[str, Any] = {}  # noqa: RUF012 - never changed, only replaced


Step = Callable[[Transaction, Standing, int], str | None]
Guard = Callable[[Transaction, str], None]
"""Checks in a verb's transaction that it is allowed. Raises Forbidden or NotLoggedIn if not."""


class Operator:
    """One person's verbs; the person's name is recorded with each action.

    ``guard`` is called in each transaction; without one it is the system user, with all permissions.
    """

    def __init__(self, database: Database, who: str | None = None, guard: Guard | None = None) -> None:
        self.database, self._who, self._guard = database, who, guard

    @cached_property
    def who(self) -> str:
        return self._who or getpass.getuser()

    def resubmit(self, job_ids: Iterable[int], *, reason: str | None = None) -> Done:
        """Run these jobs again now, with a fresh retry budget; they keep history and place in line."""
        return self._apply(Deed("resubmit", reason), job_ids, transitions.resubmit)

    def cancel(self, job_ids: Iterable[int], *, reason: str | None = None) -> Done:
        """Cancel jobs: a waiting job at once, a running job is asked to stop."""
        return self._apply(Deed("cancel", reason), job_ids, self._cancel_step(reason))

    def _cancel_step(self, reason: str | None) -> Step:
        error = self._note("canceled", reason)

        def step(tx: Transaction, job: Standing, now: int) -> str | None:
            if job.state is JobState.PROCESSING:
                return transitions.ask_cancel(tx, job, now)
            return transitions.close(tx, job, JobState.CANCELED, now, error)

        return step

    def mark_failed(self, job_ids: Iterable[int], *, reason: str | None = None) -> Done:
        """End waiting jobs as ``failed``."""
        error = self._note("marked failed", reason)
        return self._apply(
            Deed("mark_failed", reason),
            job_ids,
            lambda tx, job, now: transitions.close(tx, job, JobState.FAILED, now, error),
        )

    def assign(self, job_ids: Iterable[int], worker: str | None, *, reason: str | None = None) -> Done:
        """Reserve these pending jobs for the worker of that name; None returns them to all workers."""
        if worker is not None:
            check_name("worker", worker)

        def step(tx: Transaction, job: Standing, _now: int) -> str | None:
            transitions.there(tx.run(sql.ASSIGN, worker, job.queue, job.priority, job.job_id))
            return None

        return self._apply(Deed("assign", reason, {"worker": worker}), job_ids, step)

    def enqueue(
        self, task: Task[..., Any] | str, args: dict[str, Any], *, reason: str | None = None, **options: Any
    ) -> Inserted:
        """Queue one call by hand, on record; ``options`` and errors as for ``Queue.enqueue``."""
        order, text = make_order(task, now=self.database.now(), **options).call(restored(args, {}))
        with self.writing("enqueue") as tx:
            new = Inserter(self.database).insert(tx, order, text)
            self.record(tx, self.database.now(), Deed("enqueue", reason, {"existing": new.existing}), new.id)
        return new

    def set_priority(self, job_ids: Iterable[int], priority: int, *, reason: str | None = None) -> Done:
        """Give these waiting jobs another priority; a lower number goes first."""
        check_priority(priority)

        def step(tx: Transaction, job: Standing, _now: int) -> str | None:
            transitions.set_priority(tx, job, priority)
            return None

        return self._apply(Deed("set_priority", reason, {"priority": priority}), job_ids, step)

    def replace(self, job_id: int, args: dict[str, Any], *, reason: str | None = None) -> int:
        """Queue the same call with other arguments; return the new job's id.

        Each job records the other. The old job is canceled unless it is completed or canceled already, and keeps its
        history. Raises Refused while it runs; ArgumentError or PayloadError for arguments that do not fit the task. A
        placeholder for a hidden value keeps that value; SecretNeeded if an address, or any other non-number, was
        changed beside it.
        """
        with self.writing("replace") as tx:
            now, job = self.database.now(), transitions.find(tx, job_id)
            if job is None:
                raise NotFound(f"there is no job {job_id}")
            if not allows(job.state, "replace"):
                raise Refused(f"job {job_id} is {job.state}, so it cannot be replaced")
            asked = tx.row(sql.AS_ASKED, job_id)
            order, kept = order_like(asked), asked[-1]
            if order.encrypted and args.keys() == {encryption.MARK.rstrip(":")}:  # the text that lists show instead
                raise Refused(f"the arguments of job {job_id} are encrypted: give all of them anew")
            order, text = order.call(restored(args, {} if encryption.is_sealed(kept) else json.loads(kept)))
            if job.state not in {JobState.COMPLETED, JobState.CANCELED}:
                transitions.close(tx, job, JobState.CANCELED, now, self._note("replaced", reason))
            new = Inserter(self.database).insert(tx, order, text)
            if new.existing:
                raise Refused(f"its unique key is held by job {new.id}")
            self.record(tx, now, Deed("replace", reason, {"from": job.state, "new": new.id}), job_id)
            self.record(tx, now, Deed("enqueue", reason, {"instead_of": job_id}), new.id)
        return new.id

    def delete(self, job_ids: Iterable[int], *, reason: str | None = None) -> Done:
        """Delete jobs that have ended, with their history."""

        def step(tx: Transaction, job: Standing, _now: int) -> str | None:
            if tx.row(sql.HAS_INTENT, job.job_id):
                return transitions.NOT_IN_PLACE
            awaits = tx.row(sql.AWAITED, job.job_id)
            if awaits:
                return f"job {awaits[0]} waits for it"
            transitions.leave(tx, job)
            tx.run(sql.DELETE_JOB, job.job_id)
            return None

        return self._apply(Deed("delete", reason), job_ids, step)

    def create_queue(self, name: str) -> bool:
        """Create a queue; False if it exists already."""
        check_name("queue", name)
        with self.writing("create_queue") as tx:
            now = self.database.now()
            if not tx.run(sql.INSERT_QUEUE, name, now):
                return False
            self.record(tx, now, Deed("create_queue", detail={"queue": name}))
        return True

    def delete_queue(self, name: str, *, reason: str | None = None, cancel: Sequence[int] = ()) -> None:
        """Delete a queue and its settings after canceling these jobs of it, in one transaction.

        Raises Refused while other jobs wait or run in it; ended jobs keep its name. Raises Refused for more than 5,000
        jobs to cancel, because they would block all other writers.
        """
        if len(cancel) > MOST_WITH_QUEUE:
            raise Refused(f"queue {name} has more than {MOST_WITH_QUEUE:,} waiting jobs: cancel them first")
        with self.writing("delete_queue") as tx:
            self._cancel_of(tx, name, cancel, reason)
            waiting = tx.row(sql.WAITING_IN_QUEUE, name)[0]
            if waiting:
                raise Refused(f"queue {name} has unfinished jobs ({waiting}): cancel them or let them end")
            if not tx.run(sql.DELETE_QUEUE, name):
                raise Refused(f"there is no queue {name}")
            self.record(tx, self.database.now(), Deed("delete_queue", reason, {"queue": name}))

    def _cancel_of(self, tx: Transaction, name: str, job_ids: Sequence[int], reason: str | None) -> None:
        if job_ids and self._guard is not None:
            self._guard(tx, "cancel")
        why = reason or f"queue {name} is deleted"
        deed, step, now = Deed("cancel", why), self._cancel_step(why), self.database.now()
        for job_id in sorted(set(_checked(job_ids))):
            self._apply_one(tx, deed, job_id, _only_in(name, step), now)

    def pause(self, name: str, *, reason: str | None = None, until: int | None = None) -> None:
        """Stop claims from a queue, optionally until a moment (µs UTC); running jobs go on."""
        if until is not None:
            check_moment("the end of a pause", until)
        deed = Deed("pause", reason, {"queue": name, "until": until})
        self._set_pause(deed, name, self.database.now(), until, self.who)

    def resume(self, name: str, *, reason: str | None = None) -> None:
        """Allow claims from a paused queue again."""
        self._set_pause(Deed("resume", reason, {"queue": name}), name, None, None, None)

    def set_queue(self, name: str, *, reason: str | None = None, **options: Unpack[QueueOptions]) -> QueueSettings:
        """Change these settings of a queue, creating it if it is new; return all its settings.

        Limits apply from the next claim on; the retry policy to jobs queued at least a second later. Keeping ended jobs
        for less time destroys some, so it needs its own permission. Raises BadLimit.
        """
        check_name("queue", name)
        with self.writing("set_queue") as tx:
            tx.run(sql.INSERT_QUEUE, name, self.database.now())
            before = QueueSettings._make(tx.row(sql.QUEUE_SETTINGS, name))
            changed = before.changed(options)
            if changed.keeps_less_than(before):
                self._check(tx, "shorten_retention")
            tx.run(sql.SET_QUEUE, int(changed.limited), *changed, name)
            # Claims lock the queue's row: a claim under the old settings was made before the time on record.
            self.record(tx, self.database.now(), Deed("set_queue", reason, {"queue": name, **options}))
        return changed

    def _set_pause(self, deed: Deed, name: str, at: int | None, until: int | None, who: str | None) -> None:
        check_name("queue", name)
        with self.writing(deed.verb) as tx:
            now = self.database.now()
            tx.run(sql.INSERT_QUEUE, name, now)
            tx.run(sql.PAUSE, at, until, who, deed.reason if at else None, name)
            self.record(tx, now, deed)

    def _apply(self, deed: Deed, job_ids: Iterable[int], step: Step) -> Done:
        done = Done([], {})
        for batch in _batches(dict.fromkeys(_checked(job_ids))):
            with self.writing(deed.verb) as tx:
                now = self.database.now()
                for job_id in sorted(batch):  # other writers lock them in the same order
                    problem = self._apply_one(tx, deed, job_id, step, now)
                    if problem is None:
                        done.changed.append(job_id)
                    else:
                        done.refused[job_id] = problem
        return done

    def _apply_one(self, tx: Transaction, deed: Deed, job_id: int, step: Step, now: int) -> str | None:
        job = transitions.find(tx, job_id)
        if job is None:
            return "there is no such job"
        if not allows(job.state, deed.verb):
            late = ": the cancel came too late" if deed.verb == "cancel" and job.state.final else ""
            return f"it is {job.state}, so it cannot be {PAST[deed.verb]}{late}"
        try:
            problem = step(tx, job, now)
        except Moved:
            return self._apply_one(tx, deed, job_id, step, now)
        if problem is None:
            self.record(tx, now, deed._replace(detail={"from": job.state, **deed.detail}), job_id)
        return problem

    def note(self, verb: str, reason: str | None = None, **detail: Any) -> None:
        """Record an action that is about to happen outside the database, such as on a process.

        Raises Forbidden if this person may not do it.
        """
        with self.writing(verb) as tx:
            self.record(tx, self.database.now(), Deed(verb, reason, detail))

    @contextmanager
    def writing(self, verb: str) -> Iterator[Transaction]:
        """Begin a write transaction after checking this person's current permission."""
        with self.database.write() as tx:
            self._check(tx, verb)
            yield tx
            seal_actions(tx)

    def _check(self, tx: Transaction, verb: str) -> None:
        if self._guard is not None:
            self._guard(tx, verb)

    def record(self, tx: Transaction, now: int, deed: Deed, job_id: int | None = None) -> None:
        """Insert an action row."""
        tx.run(sql.INSERT_ACTION, now, self.who, deed.verb, job_id, deed.reason, json.dumps(deed.detail))

    def _note(self, what: str, reason: str | None) -> str:
        return f"{what} by {self.who}" + (f": {reason}" if reason else "")


def _only_in(name: str, step: Step) -> Step:
    """Limit a step to jobs of that queue."""
    return lambda tx, job, now: step(tx, job, now) if job.queue == name else f"it is not in queue {name}"


def _checked(job_ids: Iterable[int]) -> list[int]:
    """Check job ids before anything is done. Raises BadOrder.

    A text, for example, would be read as its digits.
    """
    if isinstance(job_ids, (str, bytes, Mapping)) or not isinstance(job_ids, Iterable):
        raise BadOrder(f"job ids must be a sequence of whole numbers, not {job_ids!r:.80}")
    ids = list(job_ids)
    for job_id in ids:
        if isinstance(job_id, bool) or not hasattr(job_id, "__index__"):
            raise BadOrder(f"a job id must be a whole number, not {job_id!r:.80}")
    return [index(job_id) for job_id in ids]


def _batches(job_ids: Iterable[int]) -> Iterator[Sequence[int]]:
    ids = iter(job_ids)
    while batch := list(islice(ids, BATCH)):
        yield batch
