"""The page handler: each visit gets a new session, never one named in the request."""

import re
import secrets
from collections.abc import Awaitable
from typing import Any, cast
from weakref import WeakKeyDictionary

from panel.io.server import DocHandler
from tornado.web import HTTPError

from pqkit.auth.login_throttle import network_of

from .security_headers import NONCE

PER_ADDRESS, AT_ONCE = 100, 300
"""Maximum sessions per address, and in total. An unwatched session ends within half a minute."""
ID = re.compile(r"[A-Za-z0-9-]+")
_addresses: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


class Page(DocHandler):
    """The page of a new session, with a nonce for its own scripts."""

    async def prepare(self) -> None:
        if any(name.lower().startswith("bokeh-") for name in self.request.arguments):  # also those in the body
            raise HTTPError(403, reason="a session cannot be chosen")
        setattr(self.request, NONCE, secrets.token_urlsafe(16))
        prepared = super().prepare()
        if prepared is not None:
            await prepared

    async def get_session(self) -> Any:
        self._check_room()
        session = await cast("Awaitable[Any]", super().get_session())
        _addresses[session] = network_of(self.request.remote_ip or "")
        if not all(ID.fullmatch(root.id) for root in session.document.roots):  # ids go into a script unescaped
            raise HTTPError(500)
        return session

    def _check_room(self) -> None:
        sessions = list(self.application_context.sessions)
        here = network_of(self.request.remote_ip or "")
        mine = sum(_addresses.get(session) == here for session in sessions)
        if len(sessions) >= AT_ONCE or mine >= PER_ADDRESS:
            self.set_header("Retry-After", "30")
            raise HTTPError(503, reason="too many pages are open")
