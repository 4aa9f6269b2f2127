"""Bounds on connections of the REST interface: how many there are, and how long one may take over a request."""

import asyncio
from collections import Counter
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pqkit.access.throttle import network_of

PER_ADDRESS, AT_ONCE = 400, 800
"""Connections that one address may hold, and all together: fewer than the files that a process may open by default."""
PATIENCE, LOOK_EVERY = 20.0, 2.0
"""Seconds that the head of a request may take, and its body; uvicorn itself would wait for ever."""
HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
"""Of every answer."""


class BoundedProtocol(H11Protocol):
    """A connection that is closed when it is one too many, or when its client does not go on."""

    _held: ClassVar[Counter[str]] = Counter()
    _address = ""
    _watch: asyncio.TimerHandle | None = None
    _seen: tuple[Any, Any] | None = None
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._address = network_of(self.client[0] if self.client else "")
        self._held[self._address] += 1
        if self._held[self._address] > PER_ADDRESS:
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

    def _look(self) -> None:
        """Close the connection where the same request, or none, has been on its way for too long."""
        state = (self.cycle, self.conn.their_state)
        if state != self._seen or self.conn.their_state not in {h11.IDLE, h11.SEND_BODY}:
            self._seen, self._since = state, self.loop.time()
        if self.loop.time() - self._since > PATIENCE:
            self.transport.close()
        else:
            self._watch = self.loop.call_later(LOOK_EVERY, self._look)
