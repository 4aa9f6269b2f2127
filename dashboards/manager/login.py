"""Who is let in: a login page of our own, and a cookie that holds the secret of a session in the database.

Panel's built-in login compares plain text, takes any user name, never slows a guesser down, and its cookie outlives a
change of password. Bokeh's token stands in the page, so no cookie goes into it: it carries only a digest of the
session that it was made for, and a live connection is refused to any other.
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
    """Lets in who has a session."""

    def __init__(self, port: int, service: Service = Service.MANAGER) -> None:
        self.cookies = Cookies(service, port)
        self._login, self._logout = handlers(service, self.cookies)
        super().__init__()

    def server_options(self) -> dict[str, Any]:
        """The login itself, and a sign against forged forms."""
        return {"auth_provider": self, **self.cookies.options()}

    def patterns(self) -> list[Any]:
        """Addresses of the login's own beside ``login_url``."""
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
        """The name of who asks, or None; the request keeps the secret for the page."""
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
    """For which login the page was made that opens this live connection."""
    headers = (offered(handler) or {}).get("headers", {})
    return next((value for name, value in headers.items() if name.lower() == MARK.lower()), None)


class Visitor:
    """Who looks at one page."""

    def __init__(self, request: Any) -> None:
        self._secret: str = getattr(request, "pqkit_secret", "")

    def principal(self) -> Principal:
        """Raises NotLoggedIn when the session is over, whoever ended it."""
        return sessions().check(self._secret, used=False)

    def acting(self) -> Principal:
        """The same for something that the person did, which keeps the session alive."""
        return sessions().check(self._secret)

    def confirm(self, password: str) -> None:
        """The person gives the password again, before something is destroyed. Raises LoginRefused, NotLoggedIn."""
        sessions().confirm(self._secret, password)
