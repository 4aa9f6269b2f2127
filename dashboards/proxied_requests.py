"""Proxied requests: the server sees the visitor's address and scheme, not the proxy's."""

from collections.abc import Awaitable, Sequence
from typing import Any

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from pqkit.security.forwarded_headers import Network, Visitor, visitor


class BehindProxies(HTTPServerConnectionDelegate):
    """Wraps a server's application, so that all of its code sees the same address."""

    def __init__(self, inner: HTTPServerConnectionDelegate, proxies: Sequence[Network]) -> None:
        self._inner, self._proxies = inner, proxies

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return _Request(self._inner.start_request(server_conn, request_conn), request_conn, self._proxies)

    def on_close(self, server_conn: object) -> None:
        self._inner.on_close(server_conn)


class _Request(HTTPMessageDelegate):
    def __init__(self, inner: HTTPMessageDelegate, connection: Any, proxies: Sequence[Network]) -> None:
        self._inner, self._context, self._proxies = inner, connection.context, proxies

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Set the context from which the inner call builds the request, then restore it.

        The next request on this connection may be another visitor's.
        """
        context, peer = self._context, Visitor(self._context.remote_ip, self._context.protocol)
        context.remote_ip, context.protocol = visitor(peer, headers.get_list, self._proxies)
        try:
            return self._inner.headers_received(start_line, headers)
        finally:
            context.remote_ip, context.protocol = peer

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()
