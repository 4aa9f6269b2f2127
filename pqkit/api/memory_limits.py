"""Limits the memory that running requests hold, and the number of requests of one client.

No token or client can use more than its share.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pqkit.api.problems import problem
from pqkit.api.token_check import PRINCIPAL, READING
from pqkit.auth.login_throttle import network_of

MEGABYTE = 1024 * 1024
BODIES, BODIES_OF_ONE = 16 * MEGABYTE, 8 * MEGABYTE
"""Bytes of bodies in work at once, in total and of one client; Python's objects take many times as much."""
ANSWERS, ANSWERS_OF_ONE = 64 * MEGABYTE, 16 * MEGABYTE
"""Bytes of answers that wait for clients to read them, in total and of one client."""
SMALL = 16 * 1024
"""Bytes up to which a body or answer reserves no room: the number of connections bounds these."""
PIECE = 64 * 1024
PATIENCE = 5.0
"""Maximum seconds for which a body waits for room."""
REQUESTS_OF_ONE = 400
BUSY = "too much is under way: try again"


class NoRoom(Exception):
    """The request would exceed the memory limits."""


class Room:
    """A budget of bytes, in total and for each client, and the bytes held now."""

    def __init__(self, most: int, of_one: int) -> None:
        self._most, self._of_one = most, of_one
        self._held: Counter[str] = Counter()
        self._given = asyncio.Condition()

    def fits(self, who: str, size: int) -> bool:
        return self._held.total() + size <= self._most and self._held[who] + size <= self._of_one

    @asynccontextmanager
    async def hold(self, who: str, size: int, patience: float) -> AsyncIterator[None]:
        """Hold ``size`` bytes. Raises NoRoom if they are not free within ``patience`` seconds."""
        if not self.fits(who, size):
            await self._wait(who, size, patience)
        self._held[who] += size
        try:
            yield
        finally:
            self._held[who] -= size
            self._held += Counter()  # drops clients that hold nothing
            async with self._given:
                self._given.notify_all()

    async def _wait(self, who: str, size: int, patience: float) -> None:
        try:
            async with asyncio.timeout(patience), self._given:
                await self._given.wait_for(lambda: self.fits(who, size))
        except TimeoutError:
            raise NoRoom from None


def asker(scope: Scope) -> str:
    """Return the request's token name, or else its network."""
    known = scope.get(PRINCIPAL)
    return str(known.name) if known else _network(scope)


def _network(scope: Scope) -> str:
    return network_of(scope["client"][0] if scope.get("client") else "")


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 503: there is no room at the moment."""
    answer = problem(503, BUSY, {"Retry-After": "1", "Connection": "close"})
    await answer(scope, receive, send)


class VisitorLimit:
    """Answers 503 to a client with too many running requests.

    It counts requests, because a trusted proxy's connections say nothing about its clients.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._under_way = app, Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visitor = _network(scope)
        if self._under_way[visitor] >= REQUESTS_OF_ONE:
            await refuse(scope, receive, send)
            return
        self._under_way[visitor] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way[visitor] -= 1
            self._under_way += Counter()


class AnswerLimit:
    """Sends long answers in pieces, as the client reads them; 503 to a read if too many wait."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._room = app, Room(ANSWERS, ANSWERS_OF_ONE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: list[Message] = []

        async def bounded(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.append(message)
                return
            body = message.get("body", b"")
            if len(body) <= SMALL:
                await _send_all([*start, message], send)
            else:
                await self._send_long(start, body, scope, receive, send)
            start.clear()

        await self._app(scope, receive, bounded if scope["type"] == "http" else send)

    async def _send_long(self, start: list[Message], body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        # The answer to a request that changed something is never withheld.
        patience = 0.0 if scope["method"] in READING else PATIENCE
        try:
            async with self._room.hold(asker(scope), len(body), patience):
                await _send_all([*start, *_pieces(body)], send)
        except NoRoom:
            if scope["method"] in READING and start:
                await refuse(scope, receive, send)
            else:
                await _send_all([*start, *_pieces(body)], send)


def _pieces(body: bytes) -> list[Message]:
    places = range(0, len(body), PIECE)
    view = memoryview(body)
    return [
        {"type": "http.response.body", "body": view[place : place + PIECE], "more_body": place + PIECE < len(body)}
        for place in places
    ]


async def _send_all(messages: list[Message], send: Send) -> None:
    for message in messages:
        await send(message)
