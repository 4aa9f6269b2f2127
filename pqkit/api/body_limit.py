"""Limits request bodies, each and all together, before they are read into memory."""

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pqkit.api.memory_limits import BODIES, BODIES_OF_ONE, PATIENCE, SMALL, NoRoom, Room, asker, refuse
from pqkit.api.problems import problem

MOST_BYTES, MOST_OF_ONE = 4 * 1024 * 1024, 320 * 1024
"""Bytes of a body with many calls or a result (a result that is too long is replaced), and of any other body."""
LONG = ("/jobs/bulk", "/finish")


class TooLong(Exception):
    """The body is longer than its limit."""


class BodyLimit:
    """Answers 413 to a body over its path's limit, with or without a declared length.

    A body that is not small waits for room, or gets 503.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._room = app, Room(BODIES, BODIES_OF_ONE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MOST_BYTES if scope["path"].endswith(LONG) else MOST_OF_ONE
        size = _said(scope, most)
        if size > most:
            await _refuse(most, scope, receive, send)
        elif size <= SMALL:
            await self._bounded(most, scope, receive, send)
        else:
            try:
                async with self._room.hold(asker(scope), size, PATIENCE):
                    await self._bounded(most, scope, receive, send)
            except NoRoom:
                await refuse(scope, receive, send)

    async def _bounded(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        come = 0

        async def bounded() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            if come > most:
                raise TooLong
            return message

        async def unless_too_long(message: Message) -> None:
            if come <= most:
                await send(message)

        with suppress(TooLong):
            await self._app(scope, bounded, unless_too_long)
        if come > most:  # regardless of the application's answer
            await _refuse(most, scope, receive, send)


def _said(scope: Scope, most: int) -> int:
    """Return the declared length of the body, or ``most`` for a chunked one."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return most
    text = headers.get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


async def _refuse(most: int, scope: Scope, receive: Receive, send: Send) -> None:
    answer = problem(413, f"a body may have {most} bytes at most here")
    answer.headers["connection"] = "close"
    await answer(scope, receive, send)
