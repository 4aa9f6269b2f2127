"""Live connections of the consoles: only tokens that this server signed open one.

Incoming messages are limited in size and filtered to what a page may send; outgoing ones are sent without delay.
"""

from typing import Any
from weakref import WeakKeyDictionary

from bokeh.protocol.exceptions import ProtocolError
from bokeh.server.session import ServerSession
from bokeh.util.token import get_session_id
from panel.io.server import WSHandler
from tornado.iostream import IOStream, StreamBufferFullError
from tornado.websocket import WebSocketClosedError

from . import session_tokens
from .message_filter import keep_wanted
from .rate_limit import Throttle

PIECES = 3
"""Parts of a message: header, metadata, content. Our pages send no arrays beside them."""
UNREAD = 16 * 1024 * 1024
"""Maximum bytes that wait for a browser that does not read."""
TOO_MUCH, NOT_TAKEN = 1009, 1008
MOST_UNFIT = 10
"""Invalid values that a connection may send. A menu may change while a person chooses from it."""
DOCUMENTS, PER_SECONDS = 3, 60.0
"""Whole documents, which are costly, that a session may request per period. A page requests one per connection."""
LINES = 3
"""Maximum live connections of one session. A page has one, and a second while it reconnects."""


_asked: WeakKeyDictionary[Any, Throttle] = WeakKeyDictionary()


class Prompt(WSHandler):
    """Socket that sends each message of three pieces without delay.

    The system would hold the second piece until the browser acknowledges the first, which browsers delay by 40 ms.
    """

    come = pieces = 0
    """Size and pieces of the message that is being assembled."""
    unfit = 0

    async def prepare(self) -> None:
        """Verify the token's signature before any other code reads it.

        A token whose session is gone creates no new session: only a page does, and pages are limited per address.
        """
        if offered(self) is None or not self._has_session():
            self.set_status(403)
            self.finish()
            return
        await super().prepare()

    def _has_session(self) -> bool:
        return any(session.id == get_session_id(token_of(self)) for session in self.application_context.sessions)

    def open(self) -> None:
        self.set_nodelay(True)
        self._stream().max_write_buffer_size = UNREAD
        super().open()

    async def write_message(  # type: ignore[override]  # Bokeh's own gives a coroutine as well
        self, message: Any, binary: bool = False, locked: bool = True
    ) -> None:
        try:
            await super().write_message(message, binary, locked)
        except StreamBufferFullError:
            self._stream().close()
            raise WebSocketClosedError from None

    def _stream(self) -> IOStream:
        assert self.ws_connection is not None, "an open connection has a protocol"
        stream = self.ws_connection.stream
        assert stream is not None, "an open connection has a stream"
        return stream

    def _session(self) -> ServerSession:
        assert self.connection is not None, "Bokeh connects before it takes a message"
        return self.connection.session

    async def _receive(self, fragment: str | bytes) -> Any:
        self.come, self.pieces = self.come + len(fragment), self.pieces + 1
        if self.come > self.max_message_size or self.pieces > PIECES:
            self.close(TOO_MUCH, "too much at once")
            return None
        message = await super()._receive(fragment)
        if message is not None:
            self.come = self.pieces = 0
        return message

    async def _handle(self, message: Any) -> Any:
        session = self._session()
        try:
            self.unfit += keep_wanted(message.msgtype, message.content, session.document)
        except (ProtocolError, ValueError, TypeError) as refused:
            return self._refuse(str(refused))
        if self.unfit > MOST_UNFIT:
            return self._refuse("too many values that do not fit")
        if message.msgtype == "PULL-DOC-REQ" and _asks_again(session):
            return self._refuse("the document is asked for too often")
        return await super()._handle(message)

    async def _async_open(self, token: str) -> None:
        await super()._async_open(token)
        if self._session().connection_count > LINES:
            self._refuse("too many connections of one page")

    def _refuse(self, why: str) -> None:
        self.close(NOT_TAKEN, why[:100])


def _asks_again(session: Any) -> bool:
    """True if the session requested its document too often recently."""
    return _asked.setdefault(session, Throttle(DOCUMENTS, PER_SECONDS)).wait() > 0


def offered(handler: Any) -> dict[str, Any] | None:
    """The content of a live connection's token; None if this server did not sign it."""
    return session_tokens.read(token_of(handler), handler.application.secret_key)


def token_of(handler: Any) -> str:
    """The token as sent, unverified."""
    return str(handler.request.headers.get("Sec-WebSocket-Protocol", "")).rpartition(",")[2].strip()
