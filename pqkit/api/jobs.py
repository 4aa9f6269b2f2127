"""The endpoints that show jobs and act on them."""

import base64
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from pqkit import queries
from pqkit.api.authentication import Looker, OnQueue, listed_to, needs, told_to
from pqkit.api.schemas.base import UNSAID, Asked, JobId, Name, Seconds, Words
from pqkit.api.schemas.jobs import JobOut, JobPage, JobWhole, StateOut
from pqkit.api.strict_requests import StrictRoute
from pqkit.auth import Principal
from pqkit.domain.payload import INT_MAX, INT_MIN
from pqkit.domain.states import JobState, Place
from pqkit.errors import PqkitError, Refused
from pqkit.queries import Filter, Key
from pqkit.queue import Done, Queue

router = APIRouter(route_class=StrictRoute, tags=["jobs"])
ThisJob = Annotated[JobId, Path(description="The job's id.")]
WIDTHS: dict[Place | None, tuple[type, ...]] = {
    None: (int,),
    Place.LEASE: (int,),
    Place.READY: (str, int, int),
    Place.DELAYED: (int, int),
    Place.CLOSED: (int, int),
}


class BadCursor(PqkitError, ValueError):
    """The cursor is not the ``next`` of an earlier page."""


@router.get("/jobs", operation_id="list_jobs")
def list_jobs(  # noqa: PLR0917 - FastAPI reads the query from the signature
    queue: OnQueue,
    who: Looker,
    state: Annotated[list[JobState] | None, Query(max_length=8)] = None,
    in_queue: Annotated[Name | None, Query(alias="queue")] = None,
    task: Annotated[Name | None, Query()] = None,
    older_than: Annotated[Seconds | None, Query(description="Created so many seconds ago, or earlier.")] = None,
    newer_than: Annotated[Seconds | None, Query(description="Created less than so many seconds ago.")] = None,
    text: Annotated[Words | None, Query(description="In the stored arguments.")] = None,
    error: Annotated[Words | None, Query(description="In the last error.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[str | None, Query(max_length=1_000, description="`next` of the page before.")] = None,
) -> JobPage:
    """A page of jobs, newest first; with a state filter, place by place: processing, pending,
    delayed, ended.

    Follow `next` until it is null: a page may have fewer jobs than `limit`, or none, if arguments are long or texts are
    searched. Of arguments longer than 2,000 characters only the beginning is shown, with `…` for what is left out:
    `GET /jobs/ID` shows them whole. Secrets are hidden unless the token also has the scope admin.
    """
    wanted = Filter(tuple(state or ()), in_queue, task, older_than, newer_than, text, error)
    found = queries.page(
        queue.database, wanted, limit=limit, before=_key(before) if before else None, told=listed_to(who)
    )
    following = None if found.next is None else _cursor(found.next)
    return JobPage(jobs=[JobOut.model_validate(view._asdict()) for view in found.jobs], next=following)


@router.get("/jobs/{job_id}", operation_id="get_job")
def get_job(queue: OnQueue, who: Looker, job_id: ThisJob) -> JobWhole:
    """Everything about one job. Secrets are hidden unless the token also has the scope admin."""
    return JobWhole.model_validate(_plain(queries.job(queue.database, job_id, told=told_to(who))))


@router.post("/jobs/{job_id}/resubmit", operation_id="resubmit_job")
def resubmit(
    queue: OnQueue, who: Annotated[Principal, Depends(needs("resubmit"))], job_id: ThisJob, asked: Asked = UNSAID
) -> StateOut:
    """Run the job again, now, with a fresh budget of retries."""
    return _answer(queue, job_id, who.operator().resubmit([job_id], reason=asked.reason))


@router.post("/jobs/{job_id}/cancel", operation_id="cancel_job")
def cancel(
    queue: OnQueue, who: Annotated[Principal, Depends(needs("cancel"))], job_id: ThisJob, asked: Asked = UNSAID
) -> StateOut:
    """Cancel the job: at once while it waits; a running job is asked to stop, and stays
    `processing` until it has."""
    return _answer(queue, job_id, who.operator().cancel([job_id], reason=asked.reason))


def _answer(queue: Queue, job_id: int, done: Done) -> StateOut:
    state = queue.state(job_id)  # raises NotFound if there is no such job
    if job_id in done.refused:
        raise Refused(f"job {job_id}: {done.refused[job_id]}")
    return StateOut(id=job_id, state=state)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(each) for name, each in value._asdict().items()}
    return value


def _cursor(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps([key.place, *key.values]).encode()).decode().rstrip("=")


def _key(cursor: str) -> Key:
    """Parse a cursor. Raises BadCursor unless a page of jobs may have returned it."""
    try:
        place, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = None if place is None else Place(place)
    except (ValueError, TypeError, RecursionError):
        raise BadCursor("before: this is no `next` of another page") from None
    kinds = WIDTHS[place]
    if len(values) != len(kinds) or not all(_is(value, kind) for value, kind in zip(values, kinds, strict=True)):
        raise BadCursor("before: this is no `next` of another page")
    return Key(place, tuple(values))


def _is(value: object, kind: type) -> bool:
    if kind is int:
        return type(value) is int and INT_MIN <= value <= INT_MAX
    return isinstance(value, str) and value.isprintable()
