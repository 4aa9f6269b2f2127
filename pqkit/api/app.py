"""Assembles the FastAPI application."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI

from pqkit.api import enqueue, health_endpoints, jobs, metrics, openapi, problems, queues, schedules, workers
from pqkit.api.body_limit import BodyLimit
from pqkit.api.job_notifier import Bell
from pqkit.api.memory_limits import AnswerLimit, VisitorLimit
from pqkit.api.token_check import TokenFirst
from pqkit.auth import Tokens
from pqkit.leasing.remote_workers import Remotes
from pqkit.queue import Queue
from pqkit.version import VERSION
from pqkit.worker.hook_runner import Hooked

ROUTERS = tuple(room.router for room in (enqueue, jobs, workers, schedules, queues, health_endpoints, metrics))
GRACE, HOLD = 5.0, 10_000_000
"""Seconds for hooks at shutdown, and microseconds for which other processes leave this one's hook calls to it."""
THREADS = 16
"""Maximum number of requests that use the database at once; others wait."""
ABOUT = """The queue for programs in any language. Every request but the two of health shows a token
(`pqkit tokens add`) in the header `Authorization: Bearer …`; what goes wrong is an `application/problem+json`."""


def create_app(queue: Queue, *, get_dequeue: bool = False) -> FastAPI:
    """Create the application for one queue.

    ``get_dequeue`` adds ``GET /dequeue``, which changes state with a GET.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        app.state.hooked.start()
        with Bell(queue) as app.state.bell:
            yield
        app.state.hooked.stop(GRACE)

    app = FastAPI(title="pqkit", version=VERSION, description=ABOUT, lifespan=lifespan, openapi_url=None)
    app.state.queue, app.state.tokens = queue, Tokens(queue.database)
    app.state.hooked = Hooked(queue.database, secrets.randbits(63), hold=HOLD)
    app.state.remotes = Remotes(queue.database, lambda _ended: app.state.hooked.wake())
    app.state.meter = metrics.Meter(queue.database)
    for router in ROUTERS:
        app.include_router(router)
    if get_dequeue:
        app.include_router(workers.unsafe)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(AnswerLimit)
    app.add_middleware(TokenFirst, tokens=app.state.tokens)
    app.add_middleware(VisitorLimit)  # the middleware added last runs first
    return app
