"""Middleware for proxies: the application sees the client's address and scheme.

Without it, the application would see those of the proxy.
"""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from pqkit.security.forwarded_headers import Network, Visitor, visitor


class BehindProxies:
    """Wraps a whole application, so that all its parts see the same client."""

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self._app, self._proxies = app, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if client is not None:
            found = visitor(Visitor(client[0], scope["scheme"]), Headers(scope=scope).getlist, self._proxies)
            scope = {**scope, "client": (found.address, client[1]), "scheme": found.scheme}
        await self._app(scope, receive, send)
