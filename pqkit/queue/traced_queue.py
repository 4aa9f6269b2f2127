"""A queue whose enqueues are spans and store the trace context for the worker."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from pqkit import tracing
from pqkit.db import Transaction
from pqkit.domain.tasks import Task
from pqkit.jobs.insert import Call, Inserted, Inserter
from pqkit.jobs.spec import Order
from pqkit.queue.job import Job
from pqkit.queue.options import Options
from pqkit.queue.queue import Queue
from pqkit.sql import compiled as sql

if TYPE_CHECKING:
    from sqlmodel import Session


class TracingInserter(Inserter):
    """Writes the trace context with each new job, in its transaction."""

    def insert(self, tx: Transaction, order: Order, text: str) -> Inserted:
        inserted = super().insert(tx, order, text)
        if order.trace is not None and not inserted.existing:
            tx.run(sql.INSERT_TRACE, inserted.id, order.trace)
        return inserted

    def insert_many(self, tx: Transaction, order: Order, texts: Sequence[str]) -> list[int]:
        ids = super().insert_many(tx, order, texts)
        if (parent := tracing.parent()) is not None:
            tx.run_many(sql.INSERT_TRACE, [(job_id, parent) for job_id in ids])
        return ids

    def insert_all(self, tx: Transaction, calls: Sequence[Call]) -> list[Inserted]:
        return [self.insert(tx, order, text) for order, text in calls]


class TracedQueue(Queue):
    """The queue that ``get_queue`` returns if the setting ``traces`` is on."""

    _inserter_type = TracingInserter

    def enqueue(
        self,
        task: Task[..., Any] | str,
        args: dict[str, Any] | None = None,
        /,
        *,
        session: "Session | None" = None,
        **options: Unpack[Options],
    ) -> Job:
        """See ``Queue.enqueue``."""
        with tracing.enqueuing(_name(task)):
            return super().enqueue(task, args, session=session, **options)

    async def enqueue_async(
        self, task: Task[..., Any] | str, args: dict[str, Any] | None = None, /, **options: Unpack[Options]
    ) -> Job:
        """See ``Queue.enqueue_async``."""
        with tracing.enqueuing(_name(task)):
            return await super().enqueue_async(task, args, **options)

    def enqueue_many(
        self, task: Task[..., Any] | str, calls: Iterable[dict[str, Any]], /, **options: Unpack[Options]
    ) -> list[int]:
        """See ``Queue.enqueue_many``: one span for all."""
        with tracing.enqueuing(_name(task)):
            return super().enqueue_many(task, calls, **options)

    def _order(self, task: Task[..., Any] | str, args: dict[str, Any] | None, options: Options) -> Call:
        order, text = super()._order(task, args, options)  # read it here, since another thread may commit the order
        return order._replace(trace=tracing.parent()), text


def _name(task: Task[..., Any] | str) -> str:
    return task if isinstance(task, str) else task.name
