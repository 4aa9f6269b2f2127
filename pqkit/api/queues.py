"""The endpoints for queues, workers and statistics."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from pqkit import queries
from pqkit.api.authentication import Looker, OnQueue, needs
from pqkit.api.schemas.base import UNSAID, Asked, Name
from pqkit.api.schemas.queues import NewQueue, Pause, QueueOut, Stats, WorkerOut
from pqkit.api.strict_requests import StrictRoute
from pqkit.auth import Principal
from pqkit.domain.durations import SECOND
from pqkit.errors import NotFound, Refused

router = APIRouter(route_class=StrictRoute, tags=["system"])
ThisQueue = Annotated[Name, Path(description="The queue's name.")]
FOR_GOOD = Pause()


@router.get("/queues", operation_id="list_queues")
def list_queues(queue: OnQueue, _who: Looker) -> list[QueueOut]:
    """Every queue: its unfinished jobs, the age of the oldest pending one, and its pause."""
    return [QueueOut.model_validate(view._asdict()) for view in queries.queues(queue.database)]


@router.post("/queues", status_code=201, operation_id="create_queue")
def create(queue: OnQueue, who: Annotated[Principal, Depends(needs("create_queue"))], new: NewQueue) -> QueueOut:
    """Create a queue before its first job arrives."""
    if not who.operator().create_queue(new.name):
        raise Refused(f"there is a queue {new.name} already")
    return _view(queue, new.name)


@router.delete("/queues/{name}", status_code=204, operation_id="delete_queue")
def delete(queue: OnQueue, who: Annotated[Principal, Depends(needs("delete_queue"))], name: ThisQueue) -> None:
    """Delete a queue that has no waiting or running jobs; finished jobs keep its name."""
    _view(queue, name)
    who.operator().delete_queue(name)


@router.post("/queues/{name}/pause", operation_id="pause_queue")
def pause(
    queue: OnQueue, who: Annotated[Principal, Depends(needs("pause"))], name: ThisQueue, wish: Pause = FOR_GOOD
) -> QueueOut:
    """Stop workers from taking jobs of a queue; running jobs go on, and jobs can be queued."""
    _view(queue, name)
    until = None if wish.seconds is None else queue.database.now() + round(wish.seconds * SECOND)
    who.operator().pause(name, reason=wish.reason, until=until)
    return _view(queue, name)


@router.post("/queues/{name}/resume", operation_id="resume_queue")
def resume(
    queue: OnQueue, who: Annotated[Principal, Depends(needs("resume"))], name: ThisQueue, asked: Asked = UNSAID
) -> QueueOut:
    """Let workers take jobs of a paused queue again."""
    _view(queue, name)
    who.operator().resume(name, reason=asked.reason)
    return _view(queue, name)


@router.get("/workers", operation_id="list_workers")
def list_workers(
    queue: OnQueue, _who: Looker, ended: Annotated[bool, Query(description="Also those that ended last.")] = False
) -> list[WorkerOut]:
    """The workers in the registry, on every host."""
    return [WorkerOut.model_validate(view._asdict()) for view in queries.workers(queue.database, living=not ended)]


@router.get("/stats", operation_id="stats")
def stats(queue: OnQueue, _who: Looker) -> Stats:
    """Jobs by state, and of the last minute the rates, wait times and run times."""
    rates, times = queries.rates(queue.database), queries.times(queue.database)
    return Stats(
        jobs=queries.counts(queue.database),
        finished_per_minute=rates.finished,
        failed_per_minute=rates.failed,
        **{name: value for name, value in times._asdict().items() if name != "runs"},
    )


def _view(queue: OnQueue, name: str) -> QueueOut:
    view = next((view for view in queries.queues(queue.database) if view.name == name), None)
    if view is None:
        raise NotFound(f"there is no queue {name!r}")
    return QueueOut.model_validate(view._asdict())
