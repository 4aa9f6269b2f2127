"""The queue for producers: enqueue jobs, query them, and get the other roles' verbs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Unpack

from pqkit.db import Database
from pqkit.domain.names import check_name
from pqkit.domain.payload import PayloadError
from pqkit.domain.states import JobState
from pqkit.domain.tasks import ArgumentError, Task
from pqkit.errors import NotFound
from pqkit.jobs.batch import Batch, add_member, batch_of
from pqkit.jobs.group_commit import AsyncCommit, GroupCommit
from pqkit.jobs.idempotency import insert_named
from pqkit.jobs.insert import Call, Inserted, Inserter
from pqkit.jobs.spec import IfFailed, Order, make_order
from pqkit.leasing.worker_leases import Leases
from pqkit.maintenance.facade import Upkeep
from pqkit.operations.operator import Operator
from pqkit.operations.redrives import Redrives
from pqkit.operations.schedules import Schedules
from pqkit.queue.job import Job
from pqkit.sql import compiled as sql

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlmodel import Session

from pqkit.queue.options import Options


class Queue:
    """A queue in one database; get it from ``get_queue``. Safe to share between threads."""

    _inserter_type = Inserter

    def __init__(self, database: Database) -> None:
        self.database = database
        self._inserter = self._inserter_type(database)
        self._group = GroupCommit(database, self._inserter)
        self._later = AsyncCommit(self._group)
        self._plain_orders: dict[Task[..., Any], Order] = {}

    @property
    def engine(self) -> "Engine":
        """The SQLAlchemy engine of the queue's database, for sessions that ``session=`` joins."""
        return self.database.engine

    def session(self) -> "Session":
        """A SQLModel session on the queue's database; its first statement takes the write lock."""
        return self.database.session()

    def enqueue(
        self,
        task: Task[..., Any] | str,
        args: dict[str, Any] | None = None,
        /,
        *,
        session: "Session | None" = None,
        **options: Unpack[Options],
    ) -> Job:
        """Queue one call: on disk when this returns, or committed with the caller's ``session``.

        Raises ArgumentError or PayloadError for arguments that do not fit, BadOrder for invalid options. If an
        unfinished job of the queue holds the ``unique_key``, that job is returned, with ``existing`` set. Raises
        Refused if that job does not wait for all that ``depends_on`` names.
        """
        order, text = self._order(task, args, options)
        if session is not None:
            return self._job(self._inserter.insert(self.database.join(session), order, text))
        return self._job(self._group.insert([(order, text)])[0])

    async def enqueue_async(
        self, task: Task[..., Any] | str, args: dict[str, Any] | None = None, /, **options: Unpack[Options]
    ) -> Job:
        """``enqueue`` for coroutines: it does not block the event loop, and calls share commits.

        A call that is cancelled while it waits may have been queued.
        """
        return self._job(await self._later.insert(self._order(task, args, options)))

    def enqueue_many(
        self,
        task: Task[..., Any] | str,
        calls: Iterable[dict[str, Any]],
        /,
        **options: Unpack[Options],
    ) -> list[int]:
        """Queue many calls of one task, all or none, and return their job ids in order.

        ``unique_key`` is not allowed. Raises as ``enqueue``; the error names the invalid call: calls[3].
        """
        if options.get("unique_key") is not None:
            raise TypeError("unique_key holds for one job: enqueue such jobs one at a time")
        order, all_calls = make_order(task, now=self.database.now(), **options), list(calls)
        try:
            return self._enqueue_many(order, all_calls)
        except (ArgumentError, PayloadError):
            order.check_each(all_calls)  # names the invalid call
            raise

    def _enqueue_many(self, order: Order, calls: list[dict[str, Any]]) -> list[int]:
        if order.keyed_by_arguments:
            made = [order.call(args) for args in calls]
            with self.database.write() as tx:
                return [each.id for each in self._inserter.insert_all(tx, made)] if made else []
        texts = self.database.each(order.encode, calls)
        with self.database.write() as tx:
            return self._inserter.insert_many(tx, order, texts)

    def enqueue_named(
        self, key: str, task: Task[..., Any] | str, calls: Iterable[dict[str, Any]], /, **options: Unpack[Options]
    ) -> tuple[list[int], bool]:
        """Queue calls of one task under an idempotency key; return (job ids, were they known).

        For a day, the same request under the same key queues nothing. Raises Refused for a different request.
        """
        check_name("an idempotency key", key)
        all_calls = list(calls)
        try:
            made = [self._order(task, args, options) for args in all_calls]
        except (ArgumentError, PayloadError):
            make_order(task, now=0, **options).check_each(all_calls)
            raise
        return insert_named(self.database, self._inserter, key, made)

    @contextmanager
    def batch(
        self,
        name: str,
        then: Task[..., Any] | str,
        args: dict[str, Any] | None = None,
        /,
        *,
        on_member_fail: IfFailed = "continue",
        **options: Unpack[Options],
    ) -> Iterator[Batch]:
        """Collect jobs and queue them at the end of the ``with`` block, all or none.

        ``then`` is the one job that runs when every member has ended. If a member fails for good (or is canceled),
        ``continue`` counts it as ended, ``hold`` waits until it is resubmitted and completes, ``cancel`` cancels the
        rest of the batch.
        """
        last = self._order(then, args, {**options, "if_failed": on_member_fail})
        batch = Batch(check_name("batch", name), last, self._order)
        yield batch
        batch.commit(self.database, self._inserter)

    def add_to_batch(
        self, batch: int, task: Task[..., Any] | str, args: dict[str, Any] | None = None, /, **options: Unpack[Options]
    ) -> Job:
        """Queue one more member of an open batch, for example from a running member.

        Raises Refused if the batch is over, or if the job waits for the batch itself.
        """
        call = self._order(task, args, options)
        return self._job(add_member(self.database, self._inserter, batch, call))

    def batch_of(self, job_id: int) -> int | None:
        """The id of a job's batch (its completion job); None if it is in no batch."""
        return batch_of(self.database, job_id)

    def job(self, job_id: int) -> Job:
        """Return the job with that id. Raises NotFound if there is none."""
        self.state(job_id)
        return Job(job_id, self)

    def state(self, job_id: int) -> JobState:
        with self.database.read() as tx:
            row = tx.row(sql.PLACES_OF, job_id)
        if row is None:
            raise NotFound(f"there is no job {job_id}")
        return JobState(row[3])

    def ending(self, job_id: int) -> tuple[JobState, str | None, str | None] | None:
        """(state, result as JSON, error) of an ended job whose files are in place; None until then."""
        with self.database.read() as tx:
            row = tx.row(sql.RESULT_OF, job_id)
            if row is None and tx.row(sql.JOB_EXISTS, job_id) is None:
                raise NotFound(f"there is no job {job_id}")
        if row is None or row[3]:
            return None
        return JobState(row[0]), row[1], row[2]

    def listen(self) -> AbstractContextManager[Callable[[float], None]]:
        """Return a function that waits up to the given seconds for an event since its last return."""
        return self.database.listen()

    def operator(self, who: str | None = None) -> Operator:
        """The operators' verbs in the name of ``who`` (default: the system user)."""
        return Operator(self.database, who)

    def redrives(self, who: str | None = None) -> Redrives:
        """The verbs on redrives in the name of ``who`` (default: the system user)."""
        return Redrives(self.operator(who))

    def schedules(self, who: str | None = None) -> Schedules:
        """The verbs on schedules in the name of ``who`` (default: the system user)."""
        return Schedules(self.operator(who))

    def upkeep(self) -> Upkeep:
        """The maintenance verbs."""
        return Upkeep(self.database)

    def leases(self, name: str, slots: int, tasks: Iterable[str], queues: Sequence[str] = ()) -> Leases:
        """The leases of a new worker."""
        return Leases(self.database, name, slots, tasks, [check_name("queue", queue) for queue in queues])

    def close(self) -> None:
        self._later.close()
        self.database.close()

    def _order(self, task: Task[..., Any] | str, args: dict[str, Any] | None, options: Options) -> Call:
        if options or isinstance(task, str):
            order = make_order(task, now=self.database.now(), **options)
        else:
            order = self._plain_orders.get(task) or self._plain_orders.setdefault(task, make_order(task, now=0))
        return order.call({} if args is None else args)

    def _job(self, inserted: Inserted) -> Job:
        return Job(inserted.id, self, inserted.existing)
