"""Notebooks as jobs, in a child process: leases, retries, timeouts, cancels as for any job."""

import inspect
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pqkit.domain.context import Context
from pqkit.domain.outcomes import Fail
from pqkit.domain.retry_policy import DEFAULT_BACKOFF, DEFAULT_MAX_RETRIES
from pqkit.domain.tasks import Task, task
from pqkit.errors import NotFound, PqkitError
from pqkit.files import UnsafePath
from pqkit.notebook.parameters import NO_JOB, BadNotebook, BadParameter, check_for_job, parameters_of, shows_secrets
from pqkit.notebook.paths import find
from pqkit.notebook.run_pruner import prune
from pqkit.queue import get_queue

QUEUE, INCIDENTS = "notebooks", "incidents"


class CellFailed(PqkitError):
    """The notebook of a job failed; the message names the cell."""


@task(queue=QUEUE, isolation="process")
def notebook(
    path: str,
    parameters: dict[str, Any] | None = None,
    cell_timeout: float | None = None,
    label: str | None = None,  # noqa: ARG001 - ``collect`` finds a batch by it
    *,
    ctx: Context,
) -> dict[str, Any]:
    """Run the notebook ``path`` of an allowed folder; return its run's folder and values.

    Each cell reports progress and may take at most ``cell_timeout`` seconds.
    """
    return _run(path, parameters or {}, cell_timeout, ctx)


@task(queue=INCIDENTS, isolation="process", max_retries=0)
def incident(start: str, end: str, queue: str | None = None, *, ctx: Context) -> dict[str, Any]:
    """Investigate a span of this queue; times are ISO 8601 with their offset."""
    span = {"start": start, "end": end, "queues": [queue] if queue else []}
    return _run("incident.ipynb", {"live": True, **span}, None, ctx)


def notebook_task(
    path: str,
    *,
    name: str | None = None,
    queue: str = QUEUE,
    max_retries: int = DEFAULT_MAX_RETRIES,
    backoff: Sequence[float] = DEFAULT_BACKOFF,
    timeout: float | None = None,
    cell_timeout: float | None = None,
) -> Task[..., dict[str, Any]]:
    """A task that runs one notebook, with its parameters as arguments and its name by default.

    Raises NotFound, UnsafePath or BadNotebook if the allowed folders hold no such notebook.
    """
    known = parameters_of(find(path))

    def run(*, ctx: Context, **values: Any) -> dict[str, Any]:
        return _run(path, values, cell_timeout, ctx)

    kind = inspect.Parameter.KEYWORD_ONLY
    asked = [inspect.Parameter(p.name, kind, default=p.default, annotation=p.type) for p in known.values()]
    run.__signature__ = inspect.Signature([*asked, inspect.Parameter("ctx", kind)])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.type for p in known.values()}
    run.__name__, run.__qualname__, run.__doc__ = Path(path).stem, f"notebook_task({path})", f"Run {path}."
    policy = {"queue": queue, "max_retries": max_retries, "backoff": backoff, "timeout": timeout}
    return task(name or Path(path).stem, isolation="process", **policy)(run)  # type: ignore[call-overload, no-any-return]


def _run(path: str, values: dict[str, Any], cell_timeout: float | None, ctx: Context) -> dict[str, Any]:
    from pqkit.notebook import execute  # noqa: PLC0415 - the libraries load when the first notebook runs

    name = f"{Path(path).stem}-job{ctx.job_id}.{ctx.attempt}"
    # A worker's child ignores SIGINT, and the kernel would inherit that: no cell could be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if shows_secrets(find(path), values):
            raise Fail(NO_JOB)
        folder, found = execute.run(
            find(path),
            check_for_job(find(path), values),
            name=name,
            job=ctx.token,
            cell_timeout=cell_timeout,
            watch=ctx.progress,
            stop=ctx.should_stop,
        )
    except (BadParameter, BadNotebook, UnsafePath, NotFound) as error:
        raise Fail(str(error)) from None
    ctx.log(f"its run is kept in {folder}")
    _prune(ctx)
    if found.verdict != "passed":
        raise CellFailed(found.error)
    return {"run": folder.name, "recorded": found.recorded}


def _prune(ctx: Context) -> None:
    """Delete old runs after each new one, so that each host keeps its own folder within bounds."""
    try:
        if count := prune(get_queue(create=False).database, time.time_ns() // 1000):
            ctx.log(f"deleted {count} old runs of jobs, as keep_runs and max_runs say")
    except (PqkitError, OSError) as error:  # the run itself has succeeded
        ctx.log(f"old runs of jobs cannot be deleted: {error}")
