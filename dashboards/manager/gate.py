"""Who is let in: a login page of our own, and a cookie that holds the secret of a session in the database.

Panel's built-in login compares plain text, takes any user name, never slows a guesser down, and its cookie outlives a
change of password. Bokeh's token stands in the page, so no cookie goes into it: it carries only a digest of the
session that it was made for, and a live connection is refused to any other.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bokeh.server.auth_provider import AuthProvider
from tornado.template import Template
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from pqkit.access import ABSOLUTE, Principal, Sessions
from pqkit.errors import LoginRefused, NotLoggedIn, PqkitError

from ..feed import shared
from ..headers import MARK
from ..sockets import offered

PAGE = Path(__file__).with_name("login.html")
DAY = 86_400 * 1_000_000


def sessions() -> Sessions:
    return Sessions(shared().queue().database)


class Gate(AuthProvider):
    """Lets in who has a session. The cookie is named by the port, because browsers share cookies between ports."""

    def __init__(self, port: int) -> None:
        self.cookie = f"pqkit_{port}"
        super().__init__()

    @property
    def get_user_async(self) -> Callable[[RequestHandler], Awaitable[str | None]]:
        return self._visitor

    @property
    def login_url(self) -> str:
        return "/login"

    @property
    def login_handler(self) -> type[RequestHandler]:
        return type("LoginHandler", (_Login,), {"cookie_name": self.cookie})

    async def _visitor(self, handler: RequestHandler) -> str | None:
        """The name of who asks, or None; the request keeps the secret for the page."""
        secret = handler.get_cookie(self.cookie)
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


class _Login(RequestHandler):
    """The login page. Tornado refuses a form that was not got from here."""

    cookie_name: str

    def get(self) -> None:
        self._show("")

    async def post(self) -> None:
        name, password = self.get_body_argument("name", ""), self.get_body_argument("password", "", strip=False)
        address = self.request.remote_ip or ""
        try:
            session = await asyncio.to_thread(lambda: sessions().login(name.strip(), password, address))
        except LoginRefused as refused:
            self.set_status(429 if refused.retry_after else 401)
            self._show(str(refused), name)
            return
        except PqkitError as error:
            self.set_status(503)
            self._show(f"nobody can log in just now: {error}", name)
            return
        self.set_cookie(
            self.cookie_name,
            session.secret,
            httponly=True,
            samesite="Strict",
            secure=self.request.protocol == "https",
            expires_days=ABSOLUTE / DAY,
        )
        self.redirect(_inside(self.get_argument("next", "/")))

    def _show(self, problem: str, name: str = "") -> None:
        page = Template(PAGE.read_text(), autoescape="xhtml_escape")
        next_page = _inside(self.get_argument("next", "/"))
        self.set_header("Cache-Control", "no-store")
        self.write(page.generate(problem=problem, name=name, next=next_page, xsrf=self.xsrf_form_html()))


def _inside(address: str) -> str:
    """The address where it is one of this server, else its first page."""
    parts = urlsplit(address)
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    return address if plain and not parts.scheme and not parts.netloc else "/"


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

    def leave(self) -> None:
        sessions().logout(self._secret)
