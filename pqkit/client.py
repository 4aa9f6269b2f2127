"""A small client of the REST interface, for Python programs that do not stand beside the database.

It needs httpx (the extra ``api``). What the service refuses is raised as ServiceRefused.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import httpx

from pqkit.domain.states import JobState
from pqkit.errors import PqkitError

PATIENCE = 60.0
"""Seconds that an answer may take; a claim waits for half of them at most."""


class ServiceRefused(PqkitError):
    """The service answered that it will not; ``status`` is its HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{detail} (HTTP {status})")
        self.status = status


class Leased(NamedTuple):
    """A job under a lease. ``attempt`` only grows: a fencing token for what is done outside."""

    lease: str
    id: int
    queue: str
    task: str
    args: dict[str, Any]
    attempt: int
    retries: int
    max_retries: int
    timeout: float | None


class Client:
    """One service. Use it as a context, or close it; it may be shared between threads."""

    def __init__(self, url: str, token: str | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        """``token`` is by default the environment's ``PQKIT_TOKEN``."""
        shown = token or os.environ.get("PQKIT_TOKEN", "")
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {shown}"}, timeout=PATIENCE, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def enqueue(
        self, task: str, args: Mapping[str, Any] | None = None, *, key: str | None = None, **options: Any
    ) -> int:
        """Queue one call and return its job's id; it is on disk then. With a ``key`` it may be sent again safely."""
        sent = {"task": task, "args": dict(args or {}), **options}
        return int(self.post("/jobs", sent, _named(key))["id"])

    def enqueue_many(
        self, task: str, calls: Sequence[Mapping[str, Any]], *, key: str | None = None, **options: Any
    ) -> list[int]:
        """Queue many calls of one task, all or none; their ids, in order."""
        sent = {"task": task, "calls": [dict(call) for call in calls], **options}
        return list(self.post("/jobs/bulk", sent, _named(key))["ids"])

    def job(self, job_id: int) -> dict[str, Any]:
        """Everything about one job."""
        found: dict[str, Any] = self._ask("GET", f"/jobs/{job_id}")
        return found

    def jobs(self, **wanted: Any) -> Iterator[dict[str, Any]]:
        """Every job that fits (``state``, ``queue``, ``task``, ``text`` …), page by page, the newest first."""
        before = None
        while True:
            page = self._ask("GET", "/jobs", params=wanted | ({"before": before} if before else {}))
            yield from page["jobs"]
            before = page["next"]
            if before is None:
                return

    def resubmit(self, job_id: int, reason: str | None = None) -> JobState:
        return JobState(self.post(f"/jobs/{job_id}/resubmit", {"reason": reason})["state"])

    def cancel(self, job_id: int, reason: str | None = None) -> JobState:
        """The state after: ``processing`` where the job was asked to stop and has not yet."""
        return JobState(self.post(f"/jobs/{job_id}/cancel", {"reason": reason})["state"])

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("GET", "/stats")
        return found

    def worker(self, name: str, tasks: Sequence[str], queues: Sequence[str] = ()) -> "RemoteWorker":
        """Begin the life of a worker that runs one job at a time."""
        sent = {"name": name, "tasks": list(tasks), "queues": list(queues)}
        return RemoteWorker(self, self.post("/workers", sent)["worker"])

    def post(self, path: str, sent: Any = None, headers: dict[str, str] | None = None) -> Any:
        """For what has no method here."""
        return self._ask("POST", path, json=sent, headers=headers)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self._http.request(method, path, **more)
        if answer.is_success:
            return answer.json() if answer.content else None
        raise ServiceRefused(answer.status_code, _detail(answer))


class RemoteWorker:
    """A worker that claims and runs one job at a time, through the service."""

    def __init__(self, client: Client, worker_id: str) -> None:
        self._client, self.id = client, worker_id

    def claim(self, wait: float = 0.0) -> Leased | None:
        """The next job, after waiting up to ``wait`` seconds (at most 30). Whatever this worker held before is given
        up by it."""
        found = self._client.post(f"/workers/{self.id}/claim", {"wait": wait})["jobs"]
        return Leased(**found[0]) if found else None

    def beat(self) -> list[int]:
        """Say that this worker lives; the ids of jobs whose cancel was asked for. Call it every few seconds."""
        return list(self._client.post(f"/workers/{self.id}/beat")["cancel"])

    def finish(self, job: Leased, result: Any = None) -> JobState:
        return self._end(job, "finish", {"result": result})

    def fail(self, job: Leased, error: str, *, retry: bool = True, after: float | None = None) -> JobState:
        return self._end(job, "fail", {"error": error, "retry": retry, "after": after})

    def snooze(self, job: Leased, seconds: float) -> JobState:
        return self._end(job, "snooze", {"seconds": seconds})

    def release(self, job: Leased) -> JobState:
        return self._end(job, "release", None)

    def leave(self) -> None:
        """End this life; what it holds goes back uncharged."""
        self._client.post(f"/workers/{self.id}/end")

    def _end(self, job: Leased, how: str, sent: Any) -> JobState:
        return JobState(self._client.post(f"/leases/{quote(job.lease)}/{how}", sent)["state"])


def _named(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200] or answer.reason_phrase
