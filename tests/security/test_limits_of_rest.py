"""What requests hold in memory, how long connections last, and what a refusal looks like, on the REST interface."""

import json
import socket
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import anyio
import pytest

from pqkit import Queue
from pqkit.api import memory_limits
from pqkit.api.body_limit import MOST_BYTES, MOST_OF_ONE
from pqkit.api.connection_limits import HEADERS, PER_ADDRESS
from pqkit.api.memory_limits import AnswerLimit, NoRoom, Room, VisitorLimit
from pqkit.auth import Tokens
from pqkit.queue import get_queue
from pqkit.security.permissions import Scope
from tests.rest import client_of, service
from tests.support import PATIENCE, wait_until


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A real service behind a trusted proxy, and a token of it."""
    folder = tmp_path_factory.mktemp("rest")
    url = f"sqlite:///{folder}/queue.db"
    queue = get_queue(url)
    shown = Tokens(queue.database).add(queue.operator(), "test", (Scope.READ, Scope.ENQUEUE))
    queue.close()
    with service(url, folder, PROXIES="127.0.0.1") as address:
        yield address, shown


def line_to(address: str, small: bool = False) -> socket.socket:
    line = socket.socket()
    if small:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    line.settimeout(PATIENCE)
    line.connect(("127.0.0.1", int(address.rpartition(":")[2])))
    return line


def is_gone(line: socket.socket) -> bool:
    """Whether the other side has given the connection up, however much of its answer is unread."""
    try:
        return line.send(b"\r\n") == 0
    except OSError:
        return True


def test_who_reads_no_answer_is_hung_up_on(rest: tuple[str, str]) -> None:
    address, _ = rest
    with line_to(address, small=True) as line:
        line.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 60)
        wait_until(lambda: is_gone(line), what="the end of the connection")


def test_what_is_no_request_gets_the_headers_of_every_answer(rest: tuple[str, str]) -> None:
    with line_to(rest[0]) as line:
        line.sendall(b"GET /jobs HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(4096), b"")).decode()
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    for name, value in HEADERS:
        assert f"{name}: {value}".lower() in answer.lower()
    assert json.loads(answer.partition("\r\n\r\n")[2])["detail"] == "Invalid HTTP request received."


def test_a_trusted_proxy_may_hold_more_connections_than_one_visitor(rest: tuple[str, str]) -> None:
    address, _ = rest
    lines = [line_to(address) for _ in range(PER_ADDRESS + 20)]
    try:
        with line_to(address) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"200 OK" in line.recv(4096)
    finally:
        for each in lines:
            each.close()


def scope_of(address: str, **more: object) -> dict[str, object]:
    return {"type": "http", "method": "GET", "path": "/", "client": (address, 1), "headers": [], **more}


async def nothing() -> dict[str, object]:
    return {"type": "http.disconnect"}


def test_visitors_behind_a_proxy_are_counted_one_by_one() -> None:
    answers: list[object] = []

    async def send(message: dict[str, object]) -> None:
        answers.append(message.get("status"))

    async def go() -> None:
        over = anyio.Event()

        async def waits(*_: object) -> None:
            await over.wait()

        limit: Any = VisitorLimit(waits)
        async with anyio.create_task_group() as tasks:
            for _ in range(memory_limits.REQUESTS_OF_ONE):
                tasks.start_soon(limit, scope_of("10.0.0.1"), nothing, send)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(limit, scope_of("10.0.0.2"), nothing, send)
            await anyio.wait_all_tasks_blocked()
            assert answers == []
            await limit(scope_of("10.0.0.1"), nothing, send)
            over.set()
        assert answers[0] == 503
        assert not limit._under_way

    anyio.run(go)


def test_room_is_shared_and_given_back() -> None:
    got: list[str] = []

    async def take(place: Room, who: str, size: int) -> None:
        async with place.hold(who, size, PATIENCE):
            got.append(who)

    async def go() -> None:
        place = Room(10, 6)
        async with anyio.create_task_group() as tasks, place.hold("a", 6, 0):
            for who, size in (("a", 1), ("b", 5)):
                with pytest.raises(NoRoom):
                    async with place.hold(who, size, 0):
                        got.append("too much")
            tasks.start_soon(take, place, "a", 3)
            await anyio.wait_all_tasks_blocked()
            await take(place, "b", 4)
            assert got == ["b"]
        assert got == ["b", "a"]
        assert place.fits("a", 6)

    anyio.run(go)


def test_a_read_that_is_too_much_is_put_off_and_a_change_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limits, "PATIENCE", 0)
    answers: list[dict[str, Any]] = []

    async def long(_scope: object, _receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 200_000})

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    async def go() -> None:
        limit: Any = AnswerLimit(long)
        async with limit._room.hold("10.0.0.1", memory_limits.ANSWERS_OF_ONE, 0):
            await limit(scope_of("10.0.0.1"), nothing, send)
            assert answers.pop(0)["status"] == 503
            answers.clear()
            for other in (scope_of("10.0.0.2"), scope_of("10.0.0.1", method="POST")):
                await limit(other, nothing, send)
                assert answers.pop(0)["status"] == 200
                assert b"".join(bytes(each["body"]) for each in answers) == b"x" * 200_000
                assert [each["more_body"] for each in answers] == [True, True, True, False]
                answers.clear()

    anyio.run(go)


@pytest.mark.sqlite
def test_bodies_are_as_long_as_what_they_may_hold(queue: Queue) -> None:
    with client_of(queue) as api:
        for path, most in (("/jobs", MOST_OF_ONE), ("/workers", MOST_OF_ONE), ("/jobs/bulk", MOST_BYTES)):
            assert api.post(path, content=b" " * most).status_code == 422, path
            assert api.post(path, content=b" " * (most + 1)).status_code == 413, path
        assert api.post("/jobs", json={"task": "x", "args": {"n": "x" * 250_000}}).status_code == 201
        many = api.post("/jobs", json={"task": "x", **{f"n{n}": 1 for n in range(1_000)}})
        assert many.status_code == 422
        assert many.json()["detail"].count("Extra inputs") == 0


def test_a_page_of_long_jobs_ends_early_and_goes_on(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("pqkit.queries.job_search"), "MOST_SHOWN", 10_000)
    ids = queue.enqueue_many("x", [{"n": "x" * 300} for _ in range(100)])
    with client_of(queue, Scope.READ) as api:
        found, before = list[int](), None
        while True:
            page = api.get("/jobs", params={"limit": 90} | ({"before": before} if before else {})).json()
            assert len(page["jobs"]) <= 40
            found += [job["id"] for job in page["jobs"]]
            if (before := page["next"]) is None:
                break
    assert found == ids[::-1]
