"""Checks the token before the body, so that the body of a stranger is never read."""

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pqkit.api.problems import answer_to
from pqkit.auth import Tokens
from pqkit.errors import NotLoggedIn, PqkitError

SHOW_ONE = "show a token: Authorization: Bearer pq_…"
PRINCIPAL = "pqkit.principal"
READING = {"GET", "HEAD", "OPTIONS"}


class TokenFirst:
    """Answers 401 and closes the connection if a request may have a body but no valid token."""

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["method"] not in READING or _has_body(scope)):
            try:
                scope[PRINCIPAL] = await anyio.to_thread.run_sync(self._check, Headers(scope=scope))
            except PqkitError as error:
                answer = answer_to(error)
                answer.headers["connection"] = "close"
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, headers: Headers) -> object:
        kind, _, text = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not text:
            raise NotLoggedIn(SHOW_ONE)
        return self._tokens.check(text.strip())


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
