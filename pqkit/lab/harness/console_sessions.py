"""Console sessions as browsers open them, without the drawing.

Each loads its page and its document, reports that it is ready, and keeps reading.
"""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from pqkit.errors import PqkitError
from pqkit.lab import wait_until

T = TypeVar("T")
PATIENCE = 60.0
TOOK = re.compile(r"data-took=\\*['\"]([\d.]+)")
DONE = "data-took"
JOBS = "lab.nap"
"""A part of the first answer with data, by console.

The ops console's says how long its poll took; the table of jobs names tasks.
"""


class Site(NamedTuple):
    """A console at a ``port`` of this machine; ``cookie`` if it asks for a login."""

    port: int
    cookie: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie} if self.cookie else {}


class Session:
    """An open page: its models by id, and the ``seconds`` of its opening.

    They are the seconds until the page, its document and its first data arrived.
    """

    def __init__(self, connection: Any, models: dict[str, dict[str, Any]], seconds: tuple[float, float]) -> None:
        self.connection, self.models = connection, models
        self.seconds = (*seconds, 0.0)
        self._heard: asyncio.Queue[tuple[float, str | None]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def event(self, name: str, **values: Any) -> None:
        """Report a browser event."""
        entries = [[key, value] for key, value in values.items()]
        event = {"type": "event", "name": name, "values": {"type": "map", "entries": entries}}
        await self._send({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event})

    async def change(self, model: str, name: str, value: object) -> None:
        """Report that the value of a model was changed in the browser."""
        await self._send({"kind": "ModelChanged", "model": {"id": model}, "attr": name, "new": value})

    async def until(self, words: str, since: float = 0.0) -> str:
        """The next message with these words that came after a moment of the monotonic clock."""
        while True:
            at, message = await asyncio.wait_for(self._heard.get(), PATIENCE)
            if message is None:
                raise PqkitError("the console hung up")
            if words in message and at >= since:
                return message

    async def _read(self) -> None:
        while (message := await self.connection.read_message()) is not None:
            if isinstance(message, str):
                self._heard.put_nowait((time.monotonic(), message))
        self._heard.put_nowait((time.monotonic(), None))

    def find(self, **wanted: str) -> str:
        """The id of the model that has these attributes."""
        for key, attributes in self.models.items():
            if wanted.items() <= attributes.items():
                return key
        raise PqkitError(f"the console's page has nothing with {wanted}")

    async def _send(self, event: dict[str, Any]) -> None:
        await ask(self.connection, "PATCH-DOC", json.dumps({"events": [event]}))


async def ask(connection: Any, kind: str, content: str = "{}") -> None:
    for part in (json.dumps({"msgid": "1", "msgtype": kind}), "{}", content):
        await connection.write_message(part)


async def visit(site: Site) -> Session:
    """Load the page and its document."""
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest  # noqa: PLC0415 - comes with Panel
    from tornado.websocket import websocket_connect  # noqa: PLC0415

    began, here = time.monotonic(), f"127.0.0.1:{site.port}"
    request = HTTPRequest(f"http://{here}/", headers=site.headers, request_timeout=PATIENCE)
    page = (await AsyncHTTPClient().fetch(request)).body.decode()
    got = time.monotonic() - began
    token = re.search(r'"token":"([^"]+)"', page)
    if token is None:
        raise PqkitError("the console's page has no session")
    live = HTTPRequest(f"ws://{here}/ws", headers=site.headers)
    connection = await websocket_connect(live, subprotocols=["bokeh", token[1]])
    connection.protocol.set_nodelay(True)  # type: ignore[union-attr] # as browsers have it
    session = Session(connection, {}, (got, 0.0))
    await session.until("ACK")
    await ask(connection, "PULL-DOC-REQ")
    document = json.loads(await session.until('{"doc":'))
    session.models = dict(_models(document))
    session.seconds = (got, time.monotonic() - began, 0.0)
    return session


def _models(part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        if part.get("type") == "object" and "id" in part:
            yield part["id"], part.get("attributes", {})
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _models(each)


async def to_ops(site: Site) -> Session:
    """A session of the ops console that has its first data."""
    began = time.monotonic()
    session = await visit(site)
    await session.event("document_ready")
    charts = next(key for key, a in session.models.items() if _has_charts(a))
    await session.event("data_event", model={"id": charts}, data={"type": "map", "entries": [["ready", True]]})
    await session.until(DONE)
    session.seconds = (*session.seconds[:2], time.monotonic() - began)
    return session


def _has_charts(attributes: dict[str, Any]) -> bool:
    data = attributes.get("data")
    return isinstance(data, dict) and bool(data.get("attributes", {}).get("drawing"))


async def to_manager(site: Site) -> Session:
    """A session of the manager console that has its first page of jobs."""
    began = time.monotonic()
    session = await visit(site)
    await session.event("document_ready")
    await session.until(JOBS)
    session.seconds = (*session.seconds[:2], time.monotonic() - began)
    return session


async def turn(session: Session, order: str) -> float:
    """Ask the table of jobs for another order; return the seconds until its rows arrived."""
    began = time.monotonic()
    await session.change(session.find(label="Order"), "value", order)
    await session.until(JOBS, began)
    return time.monotonic() - began


async def log_in(port: int, name: str, password: str) -> Site:
    """Log in as the login page does."""
    from tornado.httpclient import AsyncHTTPClient, HTTPClientError  # noqa: PLC0415

    client, address = AsyncHTTPClient(), f"http://127.0.0.1:{port}/login"
    page = await client.fetch(address)
    cookies = _cookies(page)
    sign = re.search(r'name="_xsrf" value="([^"]+)"', page.body.decode())
    form = urlencode({"name": name, "password": password, "_xsrf": sign[1] if sign else "", "next": "/"})
    try:
        await client.fetch(address, method="POST", body=form, headers={"Cookie": cookies}, follow_redirects=False)
    except HTTPClientError as answer:
        if answer.code != 302 or answer.response is None:
            raise
        cookies = f"{cookies}; {_cookies(answer.response)}"
    return Site(port, cookies)


def _cookies(response: Any) -> str:
    return "; ".join(line.partition(";")[0] for line in response.headers.get_list("Set-Cookie"))


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return asyncio.run(work())


class Visitors:
    """Concurrent sessions of the ops console, kept open by a thread."""

    def __init__(self, site: Site, many: int) -> None:
        self.messages = 0
        self.refreshes: list[float] = []
        self._site, self.many = site, many
        self._open, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: run(self._visit), daemon=True)
        self._thread.start()
        wait_until(self._open.is_set, 10 * many, "the sessions' opening")

    def close(self) -> None:
        self._done.set()
        self._thread.join(30)

    async def _visit(self) -> None:
        sessions = [await to_ops(self._site) for _ in range(self.many)]
        readers = [asyncio.create_task(self._follow(session)) for session in sessions]
        self._open.set()
        while not self._done.is_set():
            await asyncio.sleep(0.2)
        for session in sessions:
            session.connection.close()
        await asyncio.gather(*readers)

    async def _follow(self, session: Session) -> None:
        with suppress(PqkitError):  # when it is closed
            while True:
                self.refreshes += [float(seconds) for seconds in TOOK.findall(await session.until(DONE))]
                self.messages += 1
