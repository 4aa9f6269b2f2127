"""A small REST client for Python programs without access to the database.

It needs httpx (the extra ``api``). A refusal by the service raises ServiceRefused.
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
"""Timeout of a request in seconds; a claim waits for at most half of it."""


class ServiceRefused(PqkitError):
    """The service refused the request; ``status`` is its HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{detail} (HTTP {status})")
        self.status = status


class Leased(NamedTuple):
    """A leased job. ``attempt`` only grows: a fencing token for effects outside pqkit."""

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
    """A client of one service. Close it or use it as a context manager; it is thread-safe."""

    def __init__(self, url: str, token: str | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        """``token`` defaults to the environment's ``PQKIT_TOKEN``."""
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
        """Queue one call and return its job id once it is on disk; with ``key`` a retry is safe."""
        sent = {"task": task, "args": dict(args or {}), **options}
        return int(self.post("/jobs", sent, _named(key))["id"])

    def enqueue_many(
        self, task: str, calls: Sequence[Mapping[str, Any]], *, key: str | None = None, **options: Any
    ) -> list[int]:
        """Queue many calls of one task, all or none; return their ids in order."""
        sent = {"task": task, "calls": [dict(call) for call in calls], **options}
        return list(self.post("/jobs/bulk", sent, _named(key))["ids"])

    def job(self, job_id: int) -> dict[str, Any]:
        """Everything about one job."""
        found: dict[str, Any] = self._ask("GET", f"/jobs/{job_id}")
        return found

    def jobs(self, **wanted: Any) -> Iterator[dict[str, Any]]:
        """Yield the matching jobs (``state``, ``queue``, ``task``, ``text`` …), newest first."""
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
        """Cancel a job; return its new state: ``processing`` if it was asked to stop and still runs."""
        return JobState(self.post(f"/jobs/{job_id}/cancel", {"reason": reason})["state"])

    def stats(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("GET", "/stats")
        return found

    def worker(self, name: str, tasks: Sequence[str], queues: Sequence[str] = ()) -> "RemoteWorker":
        """Register a worker that runs one job at a time."""
        sent = {"name": name, "tasks": list(tasks), "queues": list(queues)}
        return RemoteWorker(self, self.post("/workers", sent)["worker"])

    def post(self, path: str, sent: Any = None, headers: dict[str, str] | None = None) -> Any:
        """Post to a path that has no method here."""
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
        """Claim the next job, waiting up to ``wait`` seconds (at most 30).

        The worker gives up any job that it held before.
        """
        found = self._client.post(f"/workers/{self.id}/claim", {"wait": wait})["jobs"]
        return Leased(**found[0]) if found else None

    def beat(self) -> list[int]:
        """Send a heartbeat; return the ids of jobs to cancel. Call it every few seconds."""
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
        """End this worker; its jobs return to the queue, uncharged."""
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
