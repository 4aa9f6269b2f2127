"""Strangers take neither memory nor places for ever, on either console and on the REST interface."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.web import HTTPError

from dashboards import page_handler, request_guard
from pqkit.api import connection_limits
from pqkit.lab.harness import console_sessions
from pqkit.lab.harness.console_sessions import Session, Site
from pqkit.queue import get_queue
from tests.consoles import Consoles
from tests.rest import service
from tests.security.attack import ask, is_hung_up_on, log_in, run, say
from tests.support import PATIENCE, wait_until

PER_ADDRESS = 400
HALVES = (
    b"",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b",
    b"POST /login HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\na",
)
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("rest")
    url = f"sqlite:///{folder}/queue.db"
    get_queue(url).close()
    with service(url, folder) as address:
        yield int(address.rpartition(":")[2])


def is_closed(line: socket.socket) -> bool:
    """Whether the other side has hung up; an answer before that is read."""
    line.setblocking(False)
    with suppress(BlockingIOError):
        try:
            return line.recv(4096) == b""
        except ConnectionError:
            return True
    return False


def test_half_a_request_is_not_waited_for_for_ever(consoles: Consoles, rest: int) -> None:
    ports = [*consoles.ports.values(), rest]
    with ExitStack() as lines:
        opened = [lines.enter_context(socket.create_connection(("127.0.0.1", port))) for port in ports for _ in HALVES]
        for line, half in zip(opened, HALVES * len(ports), strict=True):
            line.sendall(half.replace(b"{host}", "{}:{}".format(*line.getpeername()).encode()))
        left = set(opened)
        wait_until(lambda: left.difference_update({line for line in left if is_closed(line)}) or not left)


def test_a_long_body_is_refused_before_it_is_read(consoles: Consoles) -> None:
    for port in consoles.ports.values():
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as line:
            line.sendall(f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 90000000\r\n\r\n".encode())
            assert b"200" not in line.recv(100)
            wait_until(lambda: is_closed(line), what="the end of the connection")


@contextmanager
def many(port: int, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as lines:
        yield [lines.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]


def test_one_address_holds_only_so_many_connections(consoles: Consoles, rest: int) -> None:
    assert connection_limits.PER_ADDRESS == request_guard.PER_ADDRESS == PER_ADDRESS
    for port, kept in ((consoles.ports["ops"], slice(-300, None)), (rest, slice(300))):
        with many(port, PER_ADDRESS + 20) as lines:
            wait_until(lambda: sum(map(is_closed, lines)) >= 15, what="the end of those that are too many")
            assert sum(map(is_closed, lines[kept])) == 0
        wait_until(partial(_answers, port), what="an answer, when they are gone")


def test_a_console_still_answers_while_a_stranger_holds_all_of_its_lines(consoles: Consoles) -> None:
    for port in consoles.ports.values():
        with many(port, PER_ADDRESS + 20):
            assert _answers(port)


def _answers(port: int) -> bool:
    try:
        return ask(port, "/readyz").status in {200, 404}
    except (OSError, http.client.HTTPException):
        return False


@pytest.mark.parametrize(("console", "size"), [("ops", 100_000), ("manager", 2 * MEGABYTE)])
def test_a_long_message_ends_the_connection(consoles: Consoles, console: str, size: int) -> None:
    port = consoles.ports[console]
    site = log_in(port, "vera") if console == "manager" else Site(port)

    assert is_hung_up_on(site, lambda session: say(session, {"kind": "x" * size}))


def test_a_message_in_ever_more_pieces_ends_the_connection(consoles: Consoles) -> None:
    async def go_on(session: Session) -> None:
        header = '{"msgid": "1", "msgtype": "PATCH-DOC", "num_buffers": 1000000}'
        for piece in (header, "{}", '{"events": []}'):
            await session.connection.write_message(piece)
        for number in range(10):
            await session.connection.write_message(f'{{"id": "{number}"}}')
            await session.connection.write_message(b"x" * 1000, binary=True)

    async def drip(session: Session) -> None:
        for _ in range(3):
            await session.connection.write_message("x" * 60_000)

    assert is_hung_up_on(Site(consoles.ports["ops"]), go_on)
    assert is_hung_up_on(Site(consoles.ports["ops"]), drip)


def test_thirty_pages_of_one_address_are_no_trouble(consoles: Consoles) -> None:
    site = Site(consoles.ports["ops"])

    async def thirty() -> int:
        sessions = [await console_sessions.visit(site) for _ in range(30)]
        for session in sessions:
            session.connection.close()
        return len(sessions)

    assert run(thirty) == 30


def test_one_address_opens_only_so_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        """One that is open."""

    def page(address: str, sessions: list[Session]) -> Any:
        page = object.__new__(page_handler.Page)
        page.request = SimpleNamespace(remote_ip=address)
        page.application_context = SimpleNamespace(sessions=sessions)
        monkeypatch.setattr(page_handler.Page, "set_header", lambda *_: None)
        return page

    held = [Session() for _ in range(page_handler.PER_ADDRESS)]
    for session in held:
        monkeypatch.setitem(page_handler._addresses, session, "10.0.0.1")
    page("10.0.0.2", held)._check_room()
    page("10.0.0.1", held[1:])._check_room()
    for address, sessions in (("10.0.0.1", held), ("10.0.0.2", [Session() for _ in range(page_handler.AT_ONCE)])):
        with pytest.raises(HTTPError) as refused:
            page(address, sessions)._check_room()
        assert refused.value.status_code == 503
