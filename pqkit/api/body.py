"""A bound on what a request may send, before any of it is read into memory."""

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pqkit.api.problems import problem

MOST_BYTES = 4 * 1024 * 1024


class TooLong(Exception):
    """More has come than may."""


class BodyLimit:
    """Answers 413 to a body of more than ``MOST_BYTES``, whether it says its length or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _said(scope) > MOST_BYTES:
            await _refuse(scope, receive, send)
            return
        come = 0

        async def bounded() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            if come > MOST_BYTES:
                raise TooLong
            return message

        async def unless_too_long(message: Message) -> None:
            if come <= MOST_BYTES:
                await send(message)

        with suppress(TooLong):
            await self._app(scope, bounded, unless_too_long)
        if come > MOST_BYTES:  # whatever the application has made of it
            await _refuse(scope, receive, send)


def _said(scope: Scope) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    answer = problem(413, f"a body may have {MOST_BYTES} bytes at most")
    answer.headers["connection"] = "close"
    await answer(scope, receive, send)
