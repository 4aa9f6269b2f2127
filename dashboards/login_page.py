"""The login page of a console, and its session and device cookies.

Browsers share cookies between all ports of a host, so the names contain the port. Over TLS a name begins with
``__Host-``, which no page without TLS and no other host can set. Below a proxy's path prefix it begins with
``__Secure-``, because the session cookie is then limited to that path and not sent to its neighbours on that host.
"""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tornado.template import Template
from tornado.web import RequestHandler

from pqkit.auth import ABSOLUTE, Session, Sessions
from pqkit.auth.devices import KEPT_FOR
from pqkit.domain.durations import SECOND
from pqkit.errors import LoginRefused, NotLoggedIn, PqkitError
from pqkit.log import get_logger
from pqkit.security.service_addresses import Service, is_https, prefix
from pqkit.settings import settings

from .poller import shared

PAGE = Path(__file__).with_suffix(".html")
DAY = 86_400 * SECOND
LOGOUT = "/logout"


def sessions() -> Sessions:
    return Sessions(shared().queue().database)


class Cookies:
    """The cookies of one console."""

    def __init__(self, service: Service, port: int) -> None:
        self._port, self._https = port, is_https(settings(), service)
        self.prefix = prefix(settings(), service)

    def options(self) -> dict[str, Any]:
        """Server options for the XSRF cookie. It grants no access, so it is valid for all paths."""
        name = f"{'__Host-' if self._https else ''}pqkit_xsrf_{self._port}"
        own = {"httponly": True, "samesite": "Strict", "secure": self._https, "path": "/"}
        return {"xsrf_cookies": True, "xsrf_cookie_name": name, "xsrf_cookie_kwargs": own}

    def secret(self, handler: RequestHandler) -> str:
        """The session secret that the browser sends; empty if none."""
        return self._read(handler, "session")

    def device(self, handler: RequestHandler) -> str:
        return self._read(handler, "device")

    def keep(self, handler: RequestHandler, session: Session) -> None:
        """Set both secrets as cookies."""
        for kind, text, lasts in (("session", session.secret, ABSOLUTE), ("device", session.device, KEPT_FOR)):
            secure = self._is_secure(handler)
            handler.set_cookie(
                self._name(kind, secure=secure), text, expires_days=lasts / DAY, **self._attributes(secure=secure)
            )

    def forget_session(self, handler: RequestHandler) -> None:
        secure = self._is_secure(handler)
        handler.clear_cookie(self._name("session", secure=secure), **self._attributes(secure=secure))

    def _read(self, handler: RequestHandler, kind: str) -> str:
        return handler.get_cookie(self._name(kind, secure=self._is_secure(handler))) or ""

    def _is_secure(self, handler: RequestHandler) -> bool:
        return self._https or handler.request.protocol == "https"

    def _name(self, kind: str, *, secure: bool) -> str:
        name = f"pqkit_{self._port}" if kind == "session" else f"pqkit_{kind}_{self._port}"
        return f"{'__Secure-' if self.prefix else '__Host-'}{name}" if secure else name

    def _attributes(self, *, secure: bool) -> dict[str, Any]:
        return {"httponly": True, "samesite": "Strict", "secure": secure, "path": f"{self.prefix}/"}


class Login(RequestHandler):
    """The login page. Tornado refuses a form that does not come from this page."""

    console_cookies: Cookies
    service: Service

    async def get(self) -> None:
        secret = self.console_cookies.secret(self)
        over = bool(secret) and await asyncio.to_thread(_is_over, secret)
        if over:
            self.console_cookies.forget_session(self)
        self._show("")

    async def post(self) -> None:
        name, password = self.get_body_argument("name", ""), self.get_body_argument("password", "", strip=False)
        shown = {"device": self.console_cookies.device(self), "instead_of": self.console_cookies.secret(self)}
        address = self.request.remote_ip or ""
        try:
            session = await asyncio.to_thread(lambda: sessions().login(name.strip(), password, address, **shown))
        except LoginRefused as refused:
            self.set_status(429 if refused.retry_after else 401)
            self._show(str(refused), name)
            return
        except PqkitError as error:
            get_logger("login").error("nobody can log in", error=str(error))  # the answer does not say where it is
            self.set_status(503)
            self._show("nobody can log in just now, because the database is away", name)
            return
        self.console_cookies.keep(self, session)
        self.redirect(
            self.console_cookies.prefix + _inside(self.get_argument("next", "/"), self.console_cookies.prefix)
        )

    def _show(self, problem: str, name: str = "") -> None:
        page = Template(PAGE.read_text(), autoescape="xhtml_escape")
        next_page = _inside(self.get_argument("next", "/"), self.console_cookies.prefix)
        self.set_header("Cache-Control", "no-store")
        said = {"problem": problem, "name": name, "next": next_page, "left": bool(self.get_argument("left", ""))}
        self.finish(page.generate(console=str(self.service), xsrf=self.xsrf_form_html(), **said))


class Logout(RequestHandler):
    """The "Log out" page: ends the session and deletes its cookie.

    Links from another site or another port of this host do not get here: the cookie does not come with them.
    """

    console_cookies: Cookies

    async def get(self) -> None:
        if self.request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
            self.redirect(f"{self.console_cookies.prefix}/")
            return
        secret = self.console_cookies.secret(self)
        try:
            await asyncio.to_thread(lambda: sessions().logout(secret))
        except PqkitError as error:
            get_logger("login").error("nobody can log out", error=str(error))
            self.set_status(503)
            self.finish("The database is away, so the session goes on: try again.")
            return
        self.console_cookies.forget_session(self)
        self.set_header("Cache-Control", "no-store")
        self.redirect(f"{self.console_cookies.prefix}/login?left=1")


def handlers(service: Service, cookies: Cookies) -> tuple[type[RequestHandler], type[RequestHandler]]:
    """The login and logout handlers of that console."""
    own = {"console_cookies": cookies, "service": service}
    return type("LoginHandler", (Login,), own), type("LogoutHandler", (Logout,), own)


def _is_over(secret: str) -> bool:
    try:
        sessions().check(secret, used=False)
    except NotLoggedIn:
        return True
    except PqkitError:
        return False
    return False


def _inside(address: str, prefix: str) -> str:
    """The address if it is on this server, else "/"; without the prefix that a proxy removes."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()
    if not plain or parts.scheme or parts.netloc:
        return "/"
    inner = address.removeprefix(prefix) if prefix and address.startswith(f"{prefix}/") else address
    return "/" if inner.startswith("//") else inner
