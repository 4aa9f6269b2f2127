"""The login: our own page, and a cookie with the secret of a session in the database.

Panel's built-in login compares plain text, accepts any user name, never slows down guessing, and its cookie outlives
a change of password. Bokeh's token is part of the page, so it contains no cookie: it carries only a digest of its
session, and any other session is refused a live connection.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from bokeh.server.auth_provider import AuthProvider
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from pqkit.auth import Principal
from pqkit.errors import NotLoggedIn, PqkitError
from pqkit.security.service_addresses import Service

from ..login_page import LOGOUT, Cookies, handlers, sessions
from ..security_headers import MARK
from ..websockets import offered


class Gate(AuthProvider):
    """Lets in users who have a session."""

    def __init__(self, port: int, service: Service = Service.MANAGER) -> None:
        self.cookies = Cookies(service, port)
        self._login, self._logout = handlers(service, self.cookies)
        super().__init__()

    def server_options(self) -> dict[str, Any]:
        """Server options for the login and the XSRF cookie."""
        return {"auth_provider": self, **self.cookies.options()}

    def patterns(self) -> list[Any]:
        """The login's routes besides ``login_url``."""
        return [(LOGOUT, self._logout)]

    @property
    def get_user_async(self) -> Callable[[RequestHandler], Awaitable[str | None]]:  # type: ignore[override]  # Bokeh passes a handler, and its own example gives None
        return self._visitor

    @property
    def login_url(self) -> str:
        return "/login"

    @property
    def login_handler(self) -> type[RequestHandler]:
        return self._login

    async def _visitor(self, handler: RequestHandler) -> str | None:
        """The user's name, or None; the request keeps the secret for the page."""
        secret = self.cookies.secret(handler)
        if not secret:
            return None
        mark = hashlib.sha256(secret.encode()).hexdigest()
        if isinstance(handler, WebSocketHandler):
            if _mark_of(handler) != mark:
                return None
        else:
            handler.request.headers[MARK] = mark
        try:
            principal = await asyncio.to_thread(lambda: sessions().check(secret))
        except NotLoggedIn:
            return None
        except PqkitError as error:
            raise HTTPError(503, f"the database is away: {error}") from None
        handler.request.pqkit_secret = secret  # type: ignore[attr-defined] # the page reads it there
        return principal.name


def _mark_of(handler: WebSocketHandler) -> str | None:
    """The digest of the login for which the connecting page was made."""
    headers = (offered(handler) or {}).get("headers", {})
    return next((value for name, value in headers.items() if name.lower() == MARK.lower()), None)


class Visitor:
    """The visitor of one page."""

    def __init__(self, request: Any) -> None:
        self._secret: str = getattr(request, "pqkit_secret", "")

    def principal(self) -> Principal:
        """The logged-in user. Raises NotLoggedIn when the session is over, however it ended."""
        return sessions().check(self._secret, used=False)

    def acting(self) -> Principal:
        """The same for an action of the user, which keeps the session alive."""
        return sessions().check(self._secret)

    def confirm(self, password: str) -> None:
        """Check the password again before a destructive action. Raises LoginRefused, NotLoggedIn."""
        sessions().confirm(self._secret, password)
