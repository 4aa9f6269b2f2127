"""The endpoints that enqueue jobs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header
from fastapi.concurrency import run_in_threadpool

from pqkit.api.authentication import OnQueue, needs
from pqkit.api.schemas.base import Name
from pqkit.api.schemas.jobs import NewJob, NewJobs, Queued, QueuedMany
from pqkit.api.strict_requests import StrictRoute
from pqkit.auth import Principal
from pqkit.jobs.dependencies import check_waits
from pqkit.queue import Queue

router = APIRouter(route_class=StrictRoute, tags=["enqueue"])
Producer = Annotated[Principal, Depends(needs("enqueue"))]
Key = Annotated[Name | None, Header(alias="Idempotency-Key", description="Sent again within a day, it queues nothing.")]
MOST_WAITS = 10_000
"""Maximum dependencies of all jobs in one request: they take about 0.3 s, which blocks other writers."""


@router.post("/jobs", status_code=201, operation_id="enqueue")
@router.post("/enqueue", status_code=201, operation_id="enqueue_by_its_old_name")
async def enqueue(new: NewJob, queue: OnQueue, who: Producer, key: Key = None) -> Queued:
    """Queue one call. The job is on disk before the answer; concurrent calls share a commit."""
    options = {**new.options(), "actor": who.name}
    if key is None:
        job = await queue.enqueue_async(new.task, new.args, **options)
        return Queued(id=job.id, existing=job.existing)
    ids, known = await run_in_threadpool(_named, queue, _key(who, key), new.task, [new.args], options)
    return Queued(id=ids[0], existing=known)


@router.post("/jobs/bulk", status_code=201, operation_id="enqueue_many")
def enqueue_many(new: NewJobs, queue: OnQueue, who: Producer, key: Key = None) -> QueuedMany:
    """Queue many calls of one task, all or none."""
    check_waits(len(new.calls), len(new.depends_on), MOST_WAITS)
    if key is None:
        return QueuedMany(ids=queue.enqueue_many(new.task, new.calls, **new.options()))
    ids, known = _named(queue, _key(who, key), new.task, new.calls, new.options())
    return QueuedMany(ids=ids, existing=known)


def _named(
    queue: Queue, key: str, task: str, calls: list[dict[str, Any]], options: dict[str, Any]
) -> tuple[list[int], bool]:
    return queue.enqueue_named(key, task, calls, **options)


def _key(who: Principal, key: str) -> str:
    """Prefix the key with the principal, so that no other one finds the jobs by guessing it."""
    return f"{who.name.partition(' (')[0]}: {key}"
