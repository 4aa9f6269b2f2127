"""What an attacker has: plain HTTP without a browser's manners, hand-made messages, and a site of their own."""

import http.client
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from pqkit.errors import PqkitError
from pqkit.lab.harness import console_sessions
from pqkit.lab.harness.console_sessions import Session, Site
from tests.consoles import PASSWORD
from tests.support import PATIENCE

T = TypeVar("T")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def ask(port: int, path: str, method: str = "GET", body: str | bytes | None = None, **headers: str) -> Answer:
    """One request; ``_`` in a header's name is ``-``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        body_of = b"" if answer.status == 101 else answer.read()
        return Answer(answer.status, answer.headers, body_of)
    finally:
        connection.close()


def upgrade(port: int, token: str, **headers: str) -> Answer:
    """Ask for a live connection with that token."""
    return ask(port, "/ws", **UPGRADE, Sec_WebSocket_Protocol=f"bokeh, {token}", **headers)


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """In a thread of its own, because the browser's client has a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(console_sessions.run, work).result()


def log_in(port: int, name: str) -> Site:
    return run(lambda: console_sessions.log_in(port, name, PASSWORD))


def in_session(site: Site, work: Callable[[Session], Awaitable[T]]) -> T:
    """Do something with the live connection of a page that was opened there."""

    async def visit() -> T:
        session = await console_sessions.visit(site)
        try:
            return await work(session)
        finally:
            session.connection.close()

    return run(visit)


async def say(session: Session, *events: dict[str, Any], kind: str = "PATCH-DOC") -> None:
    await console_sessions.ask(session.connection, kind, json.dumps({"events": list(events)}))


def is_hung_up_on(site: Site, work: Callable[[Session], Awaitable[None]]) -> bool:
    """Whether the console ends the connection of who does that, and does not answer the next question."""

    async def visit(session: Session) -> bool:
        try:
            await work(session)
            await document_of(session)
        except (PqkitError, WebSocketClosedError, StreamClosedError):
            return True
        return False

    return in_session(site, visit)


async def document_of(session: Session) -> str:
    """The document as the server has it now."""
    await console_sessions.ask(session.connection, "PULL-DOC-REQ")
    return await session.until('{"doc":')


@contextmanager
def site_of_the_attacker(page: Callable[[], str]) -> Iterator[int]:
    """A web server on another port that answers everything with that page; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page().encode())

        def log_message(self, *_: object) -> None:
            """Nothing is said."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()
