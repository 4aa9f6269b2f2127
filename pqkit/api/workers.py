"""The endpoints for registered workers, and for clients that take a single job.

Each request of a worker is a heartbeat.
"""

import time
from collections.abc import Callable
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from pqkit.api.authentication import WithRemotes, needs
from pqkit.api.job_notifier import Bell
from pqkit.api.schemas.base import Name
from pqkit.api.schemas.jobs import StateOut
from pqkit.api.schemas.workers import (
    BeatOut,
    Claiming,
    Claims,
    Dequeue,
    Dequeued,
    FailedRun,
    Finish,
    Leased,
    NewWorker,
    Registered,
    Snoozing,
)
from pqkit.api.strict_requests import StrictRoute
from pqkit.auth import Principal
from pqkit.domain.outcomes import Claim, Fail, Outcome, Retry, Snooze, completed, ended_by, is_private, released
from pqkit.domain.payload import clean_text
from pqkit.errors import NotFound
from pqkit.leasing.remote_workers import Decide, Handle, Remote, Remotes, Wanted, handle_of
from pqkit.security import encryption
from pqkit.settings import settings

router = APIRouter(route_class=StrictRoute, tags=["work"])
unsafe = APIRouter(route_class=StrictRoute, tags=["work"])
ThisLease = Annotated[str, Path(max_length=80, description="The job's lease, as its claim gave it.")]
ThisWorker = Annotated[str, Path(max_length=20, description="The worker's id, as its registration gave it.")]
Claimer = Annotated[Principal, Depends(needs("claim"))]
LOOK_EVERY = 1.0
"""Seconds between two heartbeats while a worker's request waits."""


@router.post("/workers", status_code=201, operation_id="register_worker")
def register(new: NewWorker, remotes: WithRemotes, who: Claimer, request: Request) -> Registered:
    """Register a worker. Each of its requests is a heartbeat; one is due within `rescue_after`."""
    wanted = Wanted(new.name, new.slots, new.tasks, new.queues)
    remote = remotes.register(who.name, _host(request), wanted)
    return Registered(worker=f"{remote.id:x}", rescue_after=settings().rescue_after)


@router.post("/workers/{worker}/claim", operation_id="claim")
async def claim(worker: ThisWorker, wish: Claiming, remotes: WithRemotes, who: Claimer, request: Request) -> Claims:
    """Claim jobs under a lease, waiting if there are none. One claim at a time for each worker."""
    holding = [Handle.parse(lease) for lease in wish.holding]
    remote = await run_in_threadpool(_worker, remotes, who, worker)
    found = await _patiently(request, wish.wait, who, lambda: remote.claim(wish.count, holding))
    return Claims(jobs=[_leased(each) for each in found])


@router.post("/workers/{worker}/beat", operation_id="beat")
def beat(worker: ThisWorker, remotes: WithRemotes, who: Annotated[Principal, Depends(needs("beat"))]) -> BeatOut:
    """Send a heartbeat and get the jobs to cancel. 404: the worker is dead, so register again."""
    return BeatOut(cancel=sorted(_worker(remotes, who, worker).beat_now().cancel))


@router.post("/workers/{worker}/end", status_code=204, operation_id="end_worker")
def end(worker: ThisWorker, remotes: WithRemotes, who: Claimer) -> None:
    """End a worker's life; its jobs go back to their place, uncharged."""
    _worker(remotes, who, worker).leave()


@router.post("/leases/{lease}/beat", operation_id="beat_lease")
def beat_lease(lease: ThisLease, remotes: WithRemotes, who: Annotated[Principal, Depends(needs("beat"))]) -> BeatOut:
    """Send a heartbeat for one dequeued job; the answer has its id if it is to be canceled."""
    return BeatOut(cancel=sorted(remotes.find(who.name, Handle.parse(lease).worker_id).beat_now().cancel))


@router.post("/leases/{lease}/finish", operation_id="finish")
def finish(
    lease: ThisLease, done: Finish, remotes: WithRemotes, who: Annotated[Principal, Depends(needs("finish"))]
) -> StateOut:
    """Finish the job. 409: the lease is lost, and the result is discarded."""
    return _conclude(remotes, who, lease, lambda _claim, _asked: completed(done.result))


@router.post("/leases/{lease}/fail", operation_id="fail")
def fail(
    lease: ThisLease, run: FailedRun, remotes: WithRemotes, who: Annotated[Principal, Depends(needs("fail"))]
) -> StateOut:
    """Report a failed attempt: the job is retried by its policy, or ends `unprocessable` if its
    retries are used up, or `failed` without a retry. A job whose cancel was requested ends `canceled`."""
    error = Retry(run.error, after=run.after) if run.retry else Fail(run.error)

    def decide(claim: Claim, asked: bool) -> Outcome:
        outcome = ended_by(claim, error, cancel_asked=asked)._replace(error=clean_text(run.error))
        # An encrypted job's error may only keep its kind in clear, and a worker over REST sends no kind.
        plain = not (asked or is_private(claim))
        return outcome._replace(summary=" ".join(run.error.split())[:200]) if plain else outcome

    return _conclude(remotes, who, lease, decide)


@router.post("/leases/{lease}/snooze", operation_id="snooze")
def snooze(
    lease: ThisLease, wish: Snoozing, remotes: WithRemotes, who: Annotated[Principal, Depends(needs("snooze"))]
) -> StateOut:
    """Snooze the job for some seconds; no retry is used up."""
    later = Snooze(wish.seconds, wish.reason)
    return _conclude(remotes, who, lease, lambda claim, asked: ended_by(claim, later, cancel_asked=asked))


@router.post("/leases/{lease}/release", operation_id="release")
def release(lease: ThisLease, remotes: WithRemotes, who: Annotated[Principal, Depends(needs("release"))]) -> StateOut:
    """Give the job back to its place, uncharged."""
    return _conclude(remotes, who, lease, lambda _claim, _asked: released("its worker gave it back"))


@router.post("/dequeue", operation_id="dequeue")
async def dequeue(wish: Dequeue, remotes: WithRemotes, who: Claimer, request: Request) -> Dequeued:
    """Take the first job of a queue, under its own lease, which its heartbeats keep."""
    found = await _patiently(request, wish.wait, who, lambda: _one(remotes, who, wish.queue, _host(request)))
    return Dequeued(job=_leased(found[0]) if found else None)


@unsafe.get("/dequeue", operation_id="dequeue_by_get")
async def dequeue_by_get(
    remotes: WithRemotes,
    who: Claimer,
    request: Request,
    response: Response,
    queue: Annotated[Name, Query()] = "default",
) -> Dequeued:
    """`POST /dequeue` for clients that can only GET. Each request takes a job, so nothing may
    repeat it."""
    response.headers["cache-control"] = "no-store"
    return await dequeue(Dequeue(queue=queue), remotes, who, request)


async def _patiently(request: Request, seconds: float, who: Principal, take: Callable[[], list[Claim]]) -> list[Claim]:
    """Take jobs; if there are none, try again after each commit until the time is over.

    Each try checks the token again: it may be revoked while the request waits.
    """

    def take_if_allowed() -> list[Claim]:
        who.require_still("claim")
        return take()

    bell, end = cast("Bell", request.app.state.bell), time.monotonic() + seconds
    while not (found := await run_in_threadpool(take_if_allowed)):
        left = end - time.monotonic()
        if left <= 0 or await request.is_disconnected():
            break
        await bell.heard(min(left, LOOK_EVERY))
    return found


def _one(remotes: Remotes, who: Principal, queue: str, host: str) -> list[Claim]:
    tasks = remotes.tasks_waiting(queue)
    if not tasks:
        return []
    remote = remotes.register(who.name, host, Wanted("dequeue", 1, tasks, [queue]), once=True)
    found = remote.claim(1, [])
    if not found:
        remote.end("there was nothing for it")
    return found


def _worker(remotes: Remotes, who: Principal, worker: str) -> Remote:
    try:
        worker_id = int(worker, 16)
    except ValueError:
        worker_id = -1
    if not 0 <= worker_id < 2**63:
        raise NotFound(f"there is no worker {worker}")
    return remotes.find(who.name, worker_id)


def _conclude(remotes: Remotes, who: Principal, lease: str, decide: Decide) -> StateOut:
    handle = Handle.parse(lease)
    outcome = remotes.find(who.name, handle.worker_id).conclude(handle, decide)
    return StateOut(id=handle.job_id, state=outcome.state)


def _leased(claim: Claim) -> Leased:
    return Leased(
        lease=str(handle_of(claim)),
        id=claim.job_id,
        queue=claim.queue,
        task=claim.task,
        args=_revealed(claim.args),
        attempt=claim.attempt,
        retries=claim.retries,
        max_retries=claim.max_retries,
        timeout=claim.timeout,
    )


def _revealed(args: str) -> str:
    """Return the decrypted arguments, or the id of the key if this process lacks it."""
    try:
        return encryption.reveal(args)
    except encryption.KeyMissing:
        return encryption.shown_json(args)


def _host(request: Request) -> str:
    return request.client.host if request.client else "?"
