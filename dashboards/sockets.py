"""The live connections of the consoles: only this server's own tokens open one, little comes in at once, and of that
only what a page may say; what they say is sent at once."""

from typing import Any

from bokeh.protocol.exceptions import ProtocolError
from panel.io.server import WSHandler
from tornado.iostream import StreamBufferFullError
from tornado.websocket import WebSocketClosedError

from . import tokens
from .messages import keep_wanted

PIECES = 3
"""Of a message: its header, its metadata, its content. No page of ours sends arrays beside them."""
UNREAD = 16 * 1024 * 1024
"""Bytes that may wait for a browser that does not read."""
TOO_MUCH, NOT_TAKEN = 1009, 1008


class Prompt(WSHandler):
    """Bokeh sends each message in three pieces, and the system would keep the second back until the browser has said
    that it has the first, which browsers put off for 40 ms."""

    come = pieces = 0
    """Of the message that is being put together."""

    async def prepare(self) -> None:
        """Nobody else reads the token before its signature is looked at."""
        if offered(self) is None:
            self.set_status(403)
            self.finish()
            return
        await super().prepare()

    def open(self) -> None:
        self.set_nodelay(True)
        self.ws_connection.stream.max_write_buffer_size = UNREAD
        super().open()

    async def write_message(self, message: Any, binary: bool = False, locked: bool = True) -> None:
        try:
            await super().write_message(message, binary, locked)
        except StreamBufferFullError:
            self.ws_connection.stream.close()
            raise WebSocketClosedError from None

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
        try:
            keep_wanted(message.msgtype, message.content, self.connection.session.document)
        except (ProtocolError, ValueError, TypeError) as refused:
            self.close(NOT_TAKEN, str(refused)[:100])
            return None
        return await super()._handle(message)


def offered(handler: Any) -> dict[str, Any] | None:
    """What the token of a live connection says; None where this server did not sign it."""
    named = handler.request.headers.get("Sec-WebSocket-Protocol", "").rpartition(",")[2]
    return tokens.read(named.strip(), handler.application.secret_key)
