"""Parameter grids: a batch with one notebook job per combination, collected as a table."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from pqkit import queries
from pqkit.db import Database
from pqkit.domain.states import JobState
from pqkit.errors import NotFound
from pqkit.notebook import parameters
from pqkit.notebook.notebook_tasks import notebook
from pqkit.notebook.paths import find
from pqkit.queue import Queue

MOST = 10_000


def enqueue_grid(
    queue: Queue, path: str, axes: Mapping[str, Sequence[Any]], fixed: Mapping[str, Any] | None = None, **options: Any
) -> tuple[str, list[int]]:
    """Queue ``path`` once for each combination of the axes' values, all or none.

    Returns (the batch's label, the job ids). ``fixed`` parameters are the same for all; ``options`` go to ``enqueue``.
    Raises BadParameter before anything is queued.
    """
    combined = [{**(fixed or {}), **dict(zip(axes, values, strict=True))} for values in product(*axes.values())]
    checked = [parameters.check(find(path), values) for values in combined]
    label = f"{Path(path).stem}-{datetime.now(UTC):%Y%m%d-%H%M%S.%f}"
    calls = [{"path": path, "parameters": values, "label": label} for values in checked]
    return label, queue.enqueue_many(notebook, calls, **options)


def collect(database: Database, label: str) -> list[dict[str, Any]]:
    """A row for each job of the batch: id, state, parameters, recorded values, run or error.

    Raises NotFound if no job has that label.
    """
    found = _labeled(database, label) if any(map(str.isalnum, label)) else []
    if not found:
        raise NotFound(f"there is no batch of notebooks with the label {label!r}")
    return [_row(database, job) for job in reversed(found)]


def _labeled(database: Database, label: str) -> list[queries.JobView]:
    wanted = queries.Filter(task=notebook.name, text=json.dumps(label, ensure_ascii=False))
    return [job for job in queries.jobs(database, wanted, limit=MOST) if json.loads(job.args).get("label") == label]


def _row(database: Database, job: queries.JobView) -> dict[str, Any]:
    asked = json.loads(job.args).get("parameters") or {}
    result = queries.job(database, job.id).result if job.state is JobState.COMPLETED else None
    ended: dict[str, Any] = json.loads(result) if result else {"recorded": {}, "run": ""}
    return {
        "job": job.id,
        "state": str(job.state),
        **asked,
        **ended["recorded"],
        "run": ended["run"],
        "error": job.error,
    }
