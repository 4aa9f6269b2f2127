"""Batches: jobs that are queued together, and a completion job after all of them have ended."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Unpack

from pqkit.db import Database
from pqkit.domain.payload import PayloadError
from pqkit.domain.tasks import ArgumentError, Task
from pqkit.errors import Refused
from pqkit.jobs.dependencies import hold_open, refuse_circle
from pqkit.jobs.insert import Call, Inserted, Inserter
from pqkit.jobs.spec import make_order
from pqkit.sql import compiled as sql

if TYPE_CHECKING:
    from pqkit.queue.options import Options

Make = Callable[[Task[..., Any] | str, dict[str, Any] | None, "Options"], Call]


class Batch:
    """Members that are not queued yet. ``id`` is the completion job's id, once all are on disk."""

    def __init__(self, name: str, then: Call, make: Make) -> None:
        self.name, self.id = name, 0
        self.jobs: list[int] = []
        """The members' ids, in order."""
        self._then, self._make = then, make
        self._calls: list[Call] = []

    def enqueue(
        self, task: Task[..., Any] | str, args: dict[str, Any] | None = None, /, **options: "Unpack[Options]"
    ) -> None:
        """Add a member, to be queued with the others. Raises the same errors as ``Queue.enqueue``."""
        self._calls.append(self._make(task, args, options))

    def enqueue_many(
        self, task: Task[..., Any] | str, calls: Iterable[dict[str, Any]], /, **options: "Unpack[Options]"
    ) -> None:
        """Add a member for each call."""
        all_calls = list(calls)
        try:
            self._calls += [self._make(task, args, options) for args in all_calls]
        except (ArgumentError, PayloadError):
            make_order(task, now=0, **options).check_each(all_calls)
            raise

    def commit(self, database: Database, inserter: Inserter) -> None:
        """Queue the whole batch in one transaction."""
        order, text = self._then
        with database.write() as tx:
            members = [each.id for each in inserter.insert_all(tx, self._calls)] if self._calls else []
            ties = order.ties._replace(depends_on=tuple(dict.fromkeys(members)), batch=self.name)
            self.id = inserter.insert(tx, order._replace(ties=ties), text).id
        self.jobs = members


def add_member(database: Database, inserter: Inserter, batch: int, call: Call) -> Inserted:
    """Queue one more member of an open batch. Raises Refused if the batch is over."""
    with database.write() as tx:
        passed = hold_open(tx, batch).passed
        job = inserter.insert(tx, *call)
        if job.id == batch:
            raise Refused(f"job {batch} has this unique key and completes the batch: it cannot be a member of it")
        if job.existing or call[0].ties.waits:
            refuse_circle(tx, batch, job.id)
        tx.run_many(sql.INSERT_DEPENDENCY, [(batch, job.id)])
        if job.id <= passed:  # the job already existed: its unique key was taken
            tx.run(sql.SET_PASSED, job.id - 1, batch)
    return job


def batch_of(database: Database, job_id: int) -> int | None:
    """The batch of a job, as the id of its completion job; None if it is in no batch."""
    with database.read() as tx:
        row = tx.row(sql.BATCH_OF, job_id)
    return None if row is None else int(row[0])
