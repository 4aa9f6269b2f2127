"""The REST interface: the same queue, fence and record, for programs in any language."""

import asyncio
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from pqkit import JobState, Queue, Task, queries, task
from pqkit.api import create_app
from pqkit.api.body_limit import MOST_BYTES
from pqkit.auth import Tokens
from pqkit.client import Client, ServiceRefused
from pqkit.errors import DatabaseUnavailable
from pqkit.queries.audit_history import audit
from pqkit.queue import Leases
from pqkit.security import encryption
from pqkit.security.permissions import NEEDS, Scope
from pqkit.settings import settings
from tests.rest import client_of, needed, service, token
from tests.support import wait_until
from tests.verbs import claim_one, sql, wait_out

SHELL_WORKER = Path(__file__).parent.parent / "docs" / "worker.sh"
PUBLIC = {"/healthz", "/readyz"}
AS_JSON = {"Content-Type": "application/json"}


@pytest.fixture
def api(queue: Queue) -> Iterator[TestClient]:
    with client_of(queue) as client:
        yield client


def problem(answer: httpx.Response, status: int) -> str:
    """What went wrong, in its one line."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    told = answer.json()
    assert told["status"] == status
    assert "\n" not in told["detail"]
    return str(told["detail"])


def begin(api: TestClient, *tasks: str, slots: int = 1) -> str:
    """The path of a worker that begins."""
    new = api.post("/workers", json={"name": "w", "tasks": tasks or ["add"], "slots": slots})
    return f"/workers/{new.json()['worker']}"


def take(api: TestClient, worker: str, **wish: Any) -> list[dict[str, Any]]:
    answer = api.post(f"{worker}/claim", json=wish)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["jobs"]
    return found


def state_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["state"])


def test_a_job_is_queued_run_and_looked_at(api: TestClient, queue: Queue) -> None:
    queued = api.post("/jobs", json={"task": "add", "args": {"a": 1}, "queue": "sums", "priority": 3})
    assert (queued.status_code, queued.json()) == (201, {"id": 1, "existing": False})
    worker = begin(api)
    (job,) = take(api, worker)
    assert (job["id"], job["args"], job["attempt"], job["queue"]) == (1, {"a": 1}, 1, "sums")
    assert queue.state(1) is JobState.PROCESSING
    assert state_of(api.post(f"/leases/{job['lease']}/finish", json={"result": {"sum": 3}})) == "completed"
    whole = api.get("/jobs/1").json()
    assert (whole["job"]["state"], whole["result"], whole["job"]["worker"]) == ("completed", {"sum": 3}, "w")
    assert [run["outcome"] for run in whole["attempts"]] == ["completed"]
    assert api.post(f"{worker}/end").status_code == 204
    assert audit(queue.database).findings == []


def test_the_briefs_names_queue_and_take_one_job(api: TestClient, queue: Queue) -> None:
    api.post("/enqueue", json={"task": "anything", "queue": "images", "args": {"path": "a.png"}})
    assert api.post("/dequeue", json={"queue": "other"}).json() == {"job": None}
    job = api.post("/dequeue", json={"queue": "images"}).json()["job"]
    assert job["args"] == {"path": "a.png"}
    assert api.post("/dequeue", json={"queue": "images"}).json() == {"job": None}
    assert api.post(f"/leases/{job['lease']}/beat").json() == {"cancel": []}
    assert state_of(api.post(f"/leases/{job['lease']}/finish", json={})) == "completed"
    assert queries.workers(queue.database) == []
    assert audit(queue.database).findings == []


def test_a_get_takes_no_job_unless_that_is_wanted(api: TestClient, queue: Queue) -> None:
    queue.enqueue("add")
    problem(api.get("/dequeue"), 405)
    assert queue.state(1) is JobState.PENDING
    with client_of(queue, get_dequeue=True) as wanted:
        answer = wanted.get("/dequeue")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["job"]["id"] == 1


def test_a_worker_fails_snoozes_and_releases(api: TestClient, queue: Queue) -> None:
    api.post("/jobs", json={"task": "add", "max_retries": 1})
    worker = begin(api)

    def end(how: str, **sent: Any) -> str:
        (job,) = take(api, worker)
        return state_of(api.post(f"/leases/{job['lease']}/{how}", json=sent))

    assert end("release") == "pending"
    assert end("snooze", seconds=60) == "scheduled"
    wait_out(queue, 61)
    assert end("fail", error="no such file\nin line 3", after=5) == "retrying"
    wait_out(queue, 6)
    assert end("fail", error="again") == "unprocessable"
    detail = queries.job(queue.database, 1)
    assert detail.job.error == "again"
    assert [run.outcome for run in detail.attempts] == ["released", "snoozed", "failed", "failed"]
    assert detail.attempts[2].error == "no such file\nin line 3"
    api.post("/jobs/1/resubmit", json={"reason": "mended"})
    assert end("fail", error="no use", retry=False) == "failed"
    assert audit(queue.database).findings == []


def test_who_asks_to_cancel_is_heard_by_the_worker(api: TestClient, queue: Queue) -> None:
    queue.enqueue("add")
    worker = begin(api)
    (job,) = take(api, worker)
    assert state_of(api.post("/jobs/1/cancel")) == "processing"
    assert api.post(f"{worker}/beat").json() == {"cancel": [1]}
    assert state_of(api.post(f"/leases/{job['lease']}/fail", json={"error": "stopped"})) == "canceled"


def test_the_fence_holds_for_every_end(api: TestClient, queue: Queue) -> None:
    """A lease that is lost can be ended in no way, its own end that was not heard once more, and another end not."""
    queue.enqueue("add")
    worker = begin(api)
    (job,) = take(api, worker)
    ends = [("finish", {}), ("fail", {"error": "x"}), ("snooze", {"seconds": 1}), ("release", {})]
    queue.upkeep().rescue(-1)
    for how, sent in ends:
        assert "no longer this worker's" in problem(api.post(f"/leases/{job['lease']}/{how}", json=sent), 409)
    assert "register anew" in problem(api.post(f"{worker}/beat"), 404)
    assert len(sql(queue, "SELECT job_id FROM refusal")) == len(ends)
    worker = begin(api)
    (job,) = take(api, worker)
    for _ in range(2):
        assert state_of(api.post(f"/leases/{job['lease']}/finish", json={"result": 1})) == "completed"
    problem(api.post(f"/leases/{job['lease']}/fail", json={"error": "x"}), 409)
    assert audit(queue.database).findings == []


def test_a_job_that_its_worker_never_heard_of_goes_back_and_runs_again(api: TestClient, queue: Queue) -> None:
    for _ in range(3):
        queue.enqueue("add")
    worker = begin(api, slots=2)
    first, second = take(api, worker, count=5)
    third = take(api, worker, count=5, holding=[first["lease"]])  # the second was lost on the way
    assert [job["id"] for job in third] == [2]
    assert third[0]["attempt"] == 2
    problem(api.post(f"/leases/{second['lease']}/finish", json={}), 409)
    assert state_of(api.post(f"/leases/{third[0]['lease']}/finish", json={})) == "completed"
    assert sql(queue, "SELECT retries, crashes FROM closed") == [(0, 0)]
    assert audit(queue.database).findings == []


def test_a_suspect_runs_alone_here_too(api: TestClient, queue: Queue) -> None:
    queue.enqueue("add")
    queue.enqueue("add")
    sql(queue, "UPDATE ready SET suspect = 1 WHERE job_id = 2")
    worker = begin(api, slots=2)
    (suspect,) = take(api, worker, count=2)
    assert suspect["id"] == 2
    assert take(api, worker, count=2, holding=[suspect["lease"]]) == []
    api.post(f"/leases/{suspect['lease']}/finish", json={})
    assert [job["id"] for job in take(api, worker, count=2)] == [1]


def test_nobody_speaks_for_the_worker_of_another_token(api: TestClient, queue: Queue) -> None:
    queue.enqueue("add")
    worker = begin(api)
    (job,) = take(api, worker)
    for kept in (api.app, create_app(queue)):  # whether the service has heard of the worker or not
        other = TestClient(kept, headers={"Authorization": f"Bearer {token(queue)}"})
        problem(other.post(f"{worker}/beat"), 404)
        problem(other.post(f"/leases/{job['lease']}/finish", json={}), 404)
    assert queue.state(1) is JobState.PROCESSING


def test_a_service_that_begins_anew_knows_its_workers(api: TestClient, queue: Queue) -> None:
    queue.enqueue("add")
    worker = begin(api)
    (job,) = take(api, worker)
    with TestClient(create_app(queue), headers=api.headers) as anew:
        assert anew.post(f"{worker}/beat").json() == {"cancel": []}
        assert state_of(anew.post(f"/leases/{job['lease']}/finish", json={})) == "completed"


def test_a_worker_that_ends_gives_back_what_it_holds(api: TestClient, queue: Queue) -> None:
    queue.enqueue("add")
    worker = begin(api)
    take(api, worker)
    assert api.post(f"{worker}/end").status_code == 204
    assert queue.state(1) is JobState.PENDING
    problem(api.post(f"{worker}/beat"), 404)


def test_a_claim_waits_for_work(api: TestClient, queue: Queue) -> None:
    worker = begin(api)
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.extend(take(api, worker, wait=30)))
    waiting.start()
    queue.enqueue("add")
    waiting.join()
    assert [job["id"] for job in found] == [1]


def test_a_request_that_is_sent_again_queues_nothing(api: TestClient, queue: Queue) -> None:
    def send(path: str, key: str, **sent: Any) -> httpx.Response:
        return api.post(path, json={"task": "add", **sent}, headers={"Idempotency-Key": key})

    assert [send("/jobs", "k", delay=60).json() for _ in range(2)] == [
        {"id": 1, "existing": False},
        {"id": 1, "existing": True},
    ]
    many = [send("/jobs/bulk", "m", calls=[{"a": 1}, {"a": 2}]).json()["ids"] for _ in range(2)]
    assert many == [[2, 3], [2, 3]]
    assert "another request" in problem(send("/jobs", "k", args={"a": 5}), 409)
    assert len(sql(queue, "SELECT id FROM job")) == 3


def test_two_that_send_the_same_request_at_once_queue_one_job(queue: Queue) -> None:
    found: list[tuple[list[int], bool]] = []
    threads = [
        threading.Thread(target=lambda: found.append(queue.enqueue_named("k", "add", [{}, {}]))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(ids) for ids, _ in found}) == 1
    assert sorted(known for _, known in found) == [False] + [True] * 5


def test_single_enqueues_at_the_same_moment_share_commits(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = itertools.count()
    write = queue.database.write
    monkeypatch.setattr(queue.database, "write", lambda: (next(commits), write())[1])
    headers = {"Authorization": f"Bearer {token(queue)}"}
    app = create_app(queue)

    async def many() -> list[int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            answers = await asyncio.gather(*(client.post("/jobs", json={"task": "add"}) for _ in range(60)))
        return [answer.json()["id"] for answer in answers]

    assert sorted(asyncio.run(many())) == list(range(1, 61))
    assert next(commits) < 60


def test_jobs_are_listed_page_by_page(api: TestClient, queue: Queue, worker: Leases) -> None:
    queue.enqueue_many("add", [{"n": n} for n in range(5)])
    queue.enqueue("add", {"n": 5}, delay=60)
    claim_one(worker)
    for state in ([], ["pending"], ["scheduled"], ["processing"], ["pending", "scheduled", "processing"]):
        seen: list[int] = []
        page: dict[str, Any] = {"next": None}
        while True:
            page = api.get("/jobs", params={"state": state, "limit": 2, "before": page["next"]}).json()
            seen += [job["id"] for job in page["jobs"]]
            if page["next"] is None:
                break
        assert len(seen) == len(set(seen)) == len(queries.jobs(queue.database, queries.Filter(_states(state))))
    assert [job["id"] for job in api.get("/jobs", params={"text": '"n":3'}).json()["jobs"]] == [4]


def _states(names: list[str]) -> tuple[JobState, ...]:
    return tuple(map(JobState, names))


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "W10", "WyJyZWFkeSIsMSwyLDNd", "W251bGwsIngiXQ", "W251bGwsMWU0MF0"])
@pytest.mark.sqlite
def test_a_forged_cursor_is_refused(api: TestClient, cursor: str) -> None:
    problem(api.get("/jobs", params={"before": cursor}), 422)


def test_queues_workers_and_numbers_are_shown(api: TestClient, queue: Queue, worker: Leases) -> None:
    api.post("/queues", json={"name": "images"})
    problem(api.post("/queues", json={"name": "images"}), 409)
    queue.enqueue("add", queue="images")
    paused = api.post("/queues/images/pause", json={"reason": "mending", "seconds": 60}).json()
    assert (paused["pending"], paused["pause_reason"]) == (1, "mending")
    assert paused["paused_by"].startswith("token ")
    assert api.post("/queues/images/resume").json()["paused_at"] is None
    problem(api.delete("/queues/images"), 409)
    api.post("/jobs/1/cancel")
    assert api.delete("/queues/images").status_code == 204
    problem(api.post("/queues/nowhere/pause"), 404)
    (living,) = api.get("/workers").json()
    assert (living["id"], living["name"]) == (f"{worker.id:x}", "w1")
    assert api.get("/stats").json()["jobs"]["canceled"] == 1


@pytest.mark.sqlite
def test_bad_requests_are_problems_in_one_line(api: TestClient, add: Task[..., int]) -> None:
    deep = "[" * 100_000
    for sent, status in (
        ({"task": "add", "args": {"a": "no number"}}, 422),
        ({"task": "add", "args": {"a": 1}, "delay": 1, "run_at": "2030-01-01T00:00:00Z"}, 422),
        ({"task": "x", "args": {"a": 2**70}}, 422),
        ({"task": "x", "args": {"a": "\u0000"}}, 422),
        ({"task": "x\ud800"}, 422),
        ({"task": "x", "unknown": 1}, 422),
        ({"task": "x", "delay": float("inf")}, 422),
        ({"task": "x", "args": {"a": "x" * 300_000}}, 422),
    ):
        problem(api.post("/jobs", content=json.dumps(sent), headers={"Content-Type": "application/json"}), status)
    for raw in (deep, '{"task": ' + deep, "{", "\xff", '{"task": ' + "1" * 5000 + "}"):
        answer = api.post("/jobs", content=raw.encode("latin-1"), headers={"Content-Type": "application/json"})
        assert answer.status_code in {400, 422}
        problem(answer, answer.status_code)
    for path in ("/jobs/0", f"/jobs/{2**63}", "/jobs/x"):
        problem(api.get(path), 422)
    for lease in ("x", "1-2-3", "-1-2-3-4", f"{2**63:x}-1-1-1", "1-1-ffffffffff-1", "01-1-1-1"):
        problem(api.post(f"/leases/{lease}/finish", json={}), 404)
    assert api.get("/jobs").json()["jobs"] == []


@pytest.mark.sqlite
def test_a_long_body_is_refused_before_it_is_read(api: TestClient) -> None:
    def drops() -> Iterator[bytes]:
        for _ in range(MOST_BYTES // 65_536 + 2):
            yield b"x" * 65_536

    problem(api.post("/jobs/bulk", content=b"x" * (MOST_BYTES + 1)), 413)
    problem(api.post("/jobs/bulk", content=drops()), 413)


@pytest.mark.sqlite
def test_what_breaks_inside_is_not_shown(api: TestClient, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(error: Exception) -> Callable[..., Any]:
        def broken(*_: object, **__: object) -> Any:
            raise error

        return broken

    monkeypatch.setattr(queries, "counts", breaks(RuntimeError("secret")))
    assert "secret" not in problem(api.get("/stats"), 500)
    monkeypatch.setattr(queries, "counts", breaks(DatabaseUnavailable("/secret/queue.db is full")))
    assert "secret" not in problem(api.get("/stats"), 503)


@pytest.mark.sqlite
def test_every_way_in_but_health_needs_a_verb_of_the_table(queue: Queue) -> None:
    guards = needed()
    described = create_app(queue, get_dequeue=True).openapi()["paths"]
    assert guards.keys() == {(path, method.upper()) for path, methods in described.items() for method in methods}
    assert {path for (path, _), verb in guards.items() if verb is None} == PUBLIC
    assert {verb for verb in guards.values() if verb} <= set(NEEDS)


@pytest.mark.sqlite
def test_without_a_token_that_counts_nobody_is_let_in(api: TestClient, queue: Queue) -> None:
    text = api.headers["Authorization"].partition(" ")[2]
    wrong = ({}, {"Authorization": "Bearer pq_0_x"}, {"Authorization": f"Basic {text}"}, {"Cookie": f"token={text}"})
    stranger = TestClient(api.app)
    for headers in wrong:
        answer = stranger.get("/jobs", headers=headers)
        problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    problem(stranger.get("/jobs", params={"token": text, "access_token": text}), 401)
    Tokens(queue.database).revoke(queue.operator(), text.split("_")[1])
    problem(api.get("/jobs"), 401)
    assert stranger.get("/healthz").json() == {"status": "ok"}


def test_a_python_client_queues_works_and_looks(queue: Queue, url: str, tmp_path: Path) -> None:
    with service(url, tmp_path) as address, Client(address, token(queue)) as client:
        first = client.enqueue("add", {"a": 1}, key="once")
        assert client.enqueue("add", {"a": 1}, key="once") == first
        assert client.enqueue_many("add", [{"a": 2}, {"a": 3}]) == [2, 3]
        worker = client.worker("py", ["add"])
        assert worker.beat() == []
        job = worker.claim(wait=5)
        assert job
        assert worker.finish(job, 3) is JobState.COMPLETED
        with pytest.raises(ServiceRefused) as refused:
            worker.fail(job, "too late")
        assert refused.value.status == 409
        second = worker.claim()
        assert second
        assert worker.snooze(second, 60) is JobState.SCHEDULED
        third = worker.claim()
        assert third
        assert worker.release(third) is JobState.PENDING
        worker.leave()
        assert client.cancel(3) is JobState.CANCELED
        assert client.resubmit(3, "after all") is JobState.PENDING
        assert client.job(1)["result"] == 3
        assert [each["id"] for each in client.jobs(limit=1)] == [3, 2, 1]
        assert client.stats()["jobs"]["completed"] == 1
    assert audit(queue.database).findings == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="the worker in shell needs curl")
def test_a_worker_in_shell_is_killed_at_random_and_nothing_is_lost(queue: Queue, url: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("one two three")
    queue.enqueue_many("wordcount", [{"path": "text"}] * 100)
    chance = random.Random(8)
    with service(url, tmp_path, RESCUE_AFTER="3") as address:
        environment = {**os.environ, "PQKIT_API": address, "PQKIT_TOKEN": token(queue, Scope.WORK)}

        def start() -> "subprocess.Popen[bytes]":
            with (tmp_path / "shell.log").open("ab") as log:
                return subprocess.Popen(
                    ["sh", SHELL_WORKER], cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
                )

        shells = [start(), start()]

        def done() -> int:
            """How many jobs are completed. What a supervisor and a person would do on a slow machine, where a worker
            may count as dead that is only late, is done here: it begins anew, and what it left is resubmitted."""
            shells[:] = [shell if shell.poll() is None else start() for shell in shells]
            left = queries.ids(queue.database, queries.Filter((JobState.UNPROCESSABLE,)), 100)
            queue.operator().resubmit(left)
            return queries.counts(queue.database)[JobState.COMPLETED]

        for kills in range(1, 9):
            enough = chance.uniform(8, 11) * kills
            # A job that has killed two workers is spared: the third would set it aside.
            wait_until(lambda enough=enough: done() >= enough and not _is_near_its_limit(queue), what="jobs to be done")
            os.killpg(shells[chance.randrange(2)].pid, signal.SIGKILL)
        wait_until(lambda: done() == 100, what="the end of all jobs")
        for shell in shells:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
    assert audit(queue.database).findings == []
    assert {str(row[0]) for row in sql(queue, "SELECT result FROM closed")} == {"3"}


def _is_near_its_limit(queue: Queue) -> bool:
    return bool(
        sql(queue, "SELECT job_id FROM ready WHERE crashes > 1 UNION SELECT job_id FROM lease WHERE crashes > 1")
    )


def test_schedules_are_kept(api: TestClient, queue: Queue) -> None:
    new = {"name": "nightly", "task": "add", "cron": "30 2 * * *", "zone": "Europe/Berlin", "args": {"a": 1}}
    added = api.post("/schedules", json=new)
    assert (added.status_code, added.json()["next_at"] is not None) == (201, True)
    problem(api.post("/schedules", json=new), 409)
    problem(api.post("/schedules", json=new | {"name": "other", "cron": "never"}), 422)
    assert api.patch("/schedules/nightly", json={"every": 60}).json()["cron"] is None
    assert api.post("/schedules/nightly/pause", json={"reason": "holidays"}).json()["pause_reason"] == "holidays"
    assert api.post("/schedules/nightly/resume").json()["paused_at"] is None
    job = api.post("/schedules/nightly/run").json()["id"]
    assert queue.state(job) is JobState.PENDING
    whole = api.get("/schedules/nightly").json()
    assert (whole["slots"][0]["job_id"], whole["schedule"]["every"]) == (job, 60)
    assert [each["name"] for each in api.get("/schedules").json()] == ["nightly"]
    filled = api.post("/schedules/nightly/backfill", json={"start": "2020-01-01T00:00Z", "end": "2020-01-01T00:05Z"})
    assert len(filled.json()["jobs"]) == 5
    assert api.delete("/schedules/nightly").status_code == 204
    problem(api.get("/schedules/nightly"), 404)


def test_jobs_may_wait_for_others_and_share_keys(api: TestClient, queue: Queue) -> None:
    first = api.post("/jobs", json={"task": "add", "unique_key": "k", "args": {"a": 1}}).json()["id"]
    again = {"task": "add", "unique_key": "k", "args": {"a": 2}, "replace": True}
    assert api.post("/jobs", json=again).json() == {"id": first, "existing": True}
    assert api.post("/jobs", json=again, headers={"Idempotency-Key": "once"}).json()["id"] == first
    whole = api.get(f"/jobs/{first}").json()
    assert whole["job"]["args"] == {"a": 2}
    (replaced,) = whole["actions"]  # once, however often
    assert (replaced["verb"], replaced["who"]) == ("replace", f"token {queries.tokens(queue.database)[0].id} (test)")
    waits = {"task": "add", "depends_on": [first], "if_failed": "cancel", "limit_key": "x"}
    second = api.post("/jobs", json=waits).json()["id"]
    assert [job["id"] for job in take(api, begin(api, slots=2), count=2)] == [first]
    assert queue.state(second) is JobState.SCHEDULED


@pytest.mark.sqlite
def test_a_worker_gets_encrypted_arguments_in_clear(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = encryption.new_key(tmp_path / "keys")
    monkeypatch.setenv("PQKIT_KEY_FILE", str(tmp_path / "keys"))
    settings.cache_clear()
    encryption.forget()

    @task(encrypted=True)
    def hushed(word: str) -> None: ...

    try:
        with client_of(queue) as api:
            api.post("/jobs", json={"task": "hushed", "args": {"word": "hush"}})
            assert api.get("/jobs/1").json()["job"]["args"] == {"encrypted": key}
            (job,) = take(api, begin(api, "hushed"))
            assert job["args"] == {"word": "hush"}
            api.post(f"/leases/{job['lease']}/finish", json={"result": "hush hush"})
            for error in ("hush was declined", "hush", "it is: hush", "no \u2028 hush: x"):
                api.post("/jobs", json={"task": "hushed", "args": {"word": "hush"}, "max_retries": 0})
                (job,) = take(api, begin(api, "hushed"))
                assert state_of(api.post(f"/leases/{job['lease']}/fail", json={"error": error})) == "unprocessable"
                assert "hush" not in api.get(f"/jobs/{job['id']}").text.replace('"task":"hushed"', "")
        assert "hush" not in str(sql(queue, "SELECT args, result, error FROM job_state"))
        assert "hush" not in str(sql(queue, "SELECT error, example FROM rollup"))
    finally:
        settings.cache_clear()
        encryption.forget()


@pytest.mark.sqlite
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer pq_none_of_ours"}])
def test_the_body_of_a_stranger_is_not_read(queue: Queue, headers: dict[str, str]) -> None:
    with client_of(queue) as client:
        client.headers.pop("Authorization")
        answer = client.post("/jobs", content="{", headers={"Content-Type": "application/json", **headers})
    problem(answer, 401)  # and not 422, which would be an opinion of it
    assert answer.headers["connection"] == "close"


@pytest.mark.sqlite
@pytest.mark.parametrize("body", ['{"task": "a", "task": "b", "args": {}}', '{"task": "a", "args": {"n": 1, "n": 2}}'])
def test_a_name_that_stands_twice_is_refused_and_not_dropped(api: TestClient, body: str) -> None:
    answer = api.post("/jobs", content=body, headers={"Content-Type": "application/json"})
    assert "twice" in problem(answer, 422), answer.text
    assert api.get("/jobs").json()["jobs"] == []


def test_no_route_ignores_a_parameter_of_its_address(api: TestClient, queue: Queue) -> None:
    queue.enqueue("x", {})
    for template, method in needed():
        path = re.sub(r"\{\w+\}", "1", template)
        if path != "/dequeue" or method != "GET":  # which is off
            assert "no parameter 'bogus'" in problem(api.request(method, f"{path}?bogus=1"), 422), (path, method)
    assert "takes state, queue" in problem(api.get("/jobs?stat=failed"), 422)
    assert "given 2 times" in problem(api.get("/jobs?limit=1&limit=2"), 422)
    assert len(api.get("/jobs?state=pending&state=failed").json()["jobs"]) == 1


@pytest.mark.parametrize(
    "number", ["1.0000000000000000000001", "1e400", "1e-400", "0.10000000000000000001", "1e-9999999999999999999"]
)
def test_a_number_that_would_be_rounded_is_refused(api: TestClient, queue: Queue, number: str) -> None:
    said = problem(api.post("/jobs", content=f'{{"task": "x", "args": {{"n": {number}}}}}', headers=AS_JSON), 422)
    assert "would become" in said
    assert queries.jobs(queue.database) == []


def test_a_number_that_a_float_holds_is_taken(api: TestClient, queue: Queue) -> None:
    api.post("/jobs", headers=AS_JSON, content='{"task": "x", "args": {"n": [0.1, 1e3, -0.0, 2.50, 5e-324, 123e-5]}}')
    assert queries.jobs(queue.database)[0].args == '{"n":[0.1,1000.0,-0.0,2.5,5e-324,0.00123]}'


def test_many_jobs_that_wait_for_many_are_refused_at_once(api: TestClient, queue: Queue) -> None:
    ids = queue.enqueue_many("x", [{}] * 20)
    sent = {"task": "x", "calls": [{}] * 501, "depends_on": ids}
    assert "10020 waits" in problem(api.post("/jobs/bulk", json=sent), 422)
    with pytest.raises(ValueError, match="100020 waits"):
        queue.enqueue_many("x", [{}] * 5001, depends_on=ids)
    assert sum(queries.counts(queue.database).values()) == 20
    assert len(api.post("/jobs/bulk", json=sent | {"calls": [{}] * 500}).json()["ids"]) == 500


def test_moments_that_no_calendar_shows_are_refused(api: TestClient, queue: Queue) -> None:
    late, early = "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+14:00"
    api.post("/schedules", json={"name": "n", "task": "x", "cron": "0 0 * * *"})
    for at in (late, early):
        problem(api.post("/jobs", json={"task": "x", "run_at": at}), 422)
        problem(api.post("/schedules", json={"name": "n2", "task": "x", "at": at}), 422)
    problem(api.post("/schedules/n/backfill", json={"start": early}), 422)
    with pytest.raises(ValueError, match="the end of a pause"):
        queue.operator().pause("default", until=10**18)
    with pytest.raises(ValueError, match="the end of a token"):
        Tokens(queue.database).add(queue.operator(), "t", (Scope.READ,), 10**18)
    assert api.get("/jobs").json()["jobs"] == []
    assert [one["name"] for one in api.get("/schedules").json()] == ["n"]


def test_a_claim_that_waits_ends_with_its_token(queue: Queue) -> None:
    with client_of(queue, Scope.WORK) as api, ThreadPoolExecutor(1) as beside:
        worker = begin(api)
        waiting = beside.submit(api.post, f"{worker}/claim", json={"wait": 30})
        Tokens(queue.database).revoke(queue.operator(), queries.tokens(queue.database)[0].id)
        queue.enqueue("add", {"a": 1})
        problem(waiting.result(), 401)
    assert queries.counts(queue.database)[JobState.PENDING] == 1


def test_nobody_writes_a_refusal_of_what_never_was(api: TestClient, queue: Queue) -> None:
    queue.enqueue("add", {"a": 1})
    worker = begin(api)
    (job,) = take(api, worker)
    kind, _, _, since = job["lease"].split("-")
    for lease in (f"{kind}-{job['id']}-99-{since}", f"{kind}-999999999-1-{since}"):
        problem(api.post(f"/leases/{lease}/finish", json={}), 409)
    assert sql(queue, "SELECT count(*) FROM refusal") == [(0,)]
