"""Limits the number of connections, and the time that one may take for a request."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pqkit.api.problems import problem
from pqkit.auth.login_throttle import network_of
from pqkit.security.forwarded_headers import Network, trusted

PER_ADDRESS, AT_ONCE = 400, 800
"""Maximum connections of one address, and in total: below the default limit of open files of a process."""
PATIENCE, LOOK_EVERY = 20.0, 2.0
"""Seconds for the head of a request, and for its body; uvicorn itself would wait forever. Seconds between checks."""
HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
"""Headers of every response."""


class BoundedProtocol(H11Protocol):
    """A connection that is closed if it exceeds the limits, or if its client stalls."""

    proxies: ClassVar[Sequence[Network]] = ()
    """Each trusted proxy may hold all connections, because it serves many clients."""
    _held: ClassVar[Counter[str]] = Counter()
    _address = ""
    _watch: asyncio.TimerHandle | None = None
    _seen: tuple[Any, Any] | None = None
    _since = _unread_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        self._address = network_of(peer)
        self._held[self._address] += 1
        if self._held[self._address] > (AT_ONCE if trusted(peer, self.proxies) else PER_ADDRESS):
            transport.close()
        else:
            self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._held[self._address] -= 1
        if not self._held[self._address]:
            del self._held[self._address]
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer 400 as uvicorn does, but as a problem with the usual headers."""
        body = problem(400, msg)
        headers = [(name.encode(), value.encode()) for name, value in HEADERS]
        start = h11.Response(
            status_code=400, headers=[*headers, *body.raw_headers, (b"connection", b"close")], reason=b"Bad Request"
        )
        for event in (start, h11.Data(data=bytes(body.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _look(self) -> None:
        """Close the connection if its client takes too long to send a request or to read the answer."""
        now, state = self.loop.time(), (self.cycle, self.conn.their_state)
        if state != self._seen or self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._seen, self._since = state, now
        if not self._is_unread():
            self._unread_since = now
        if now - self._unread_since > PATIENCE:
            self.transport.abort()  # a close would wait until everything is read
        elif now - self._since > PATIENCE:
            self.transport.close()
        self._watch = self.loop.call_later(LOOK_EVERY, self._look)

    def _is_unread(self) -> bool:
        """Return true if the client must read before the connection can go on or close."""
        over = self.cycle is None or self.cycle.response_complete or self.transport.is_closing()
        return self.flow.write_paused or (over and self.transport.get_write_buffer_size() > 0)


def protocol_for(proxies: Sequence[Network]) -> type[BoundedProtocol]:
    """Return the protocol class for a server behind these trusted proxies."""
    return type("BoundedProtocol", (BoundedProtocol,), {"proxies": proxies})
