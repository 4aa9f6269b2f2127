"""The guard before all handlers: only listed routes, own host names and own pages pass.

Panel and Bokeh add routes that the consoles do not need. One of them imports any module that a stranger names;
others hand out sessions. So this module lists the routes that stay, and a refused request reaches no handler.
"""

import secrets
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakKeyDictionary, WeakSet

import panel.io.server
from bokeh.server.urls import per_app_patterns
from bokeh.server.views.ico_handler import IcoHandler
from bokeh.server.views.multi_root_static_handler import MultiRootStaticHandler
from bokeh.server.views.static_handler import StaticHandler
from tornado.escape import xhtml_escape
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import PeriodicCallback
from tornado.routing import Router
from tornado.web import HTTPError, RequestHandler

from pqkit.auth.login_throttle import network_of
from pqkit.security.forwarded_headers import Network, trusted

from .login_page import LOGOUT
from .page_handler import Page
from .proxied_requests import BehindProxies
from .security_headers import MARK, Headers
from .websockets import Prompt

ROUTES = [(r"/ws", Prompt), (r"/?", Page)]
KEPT = {Page, Prompt, IcoHandler, MultiRootStaticHandler, StaticHandler}
LONGEST = 16_384
"""Maximum characters of an address. The page's token contains all of it."""
READING, FORMS = {"GET", "HEAD"}, {"GET", "HEAD", "POST"}
CHOICES = "bokeh-"
"""The prefix of the names with which Bokeh lets clients choose a session."""
PER_ADDRESS, AT_ONCE = 400, 800
"""Maximum connections per address, and in total: fewer than the default limit of open files."""
LOOK_EVERY, STALLED = 5.0, 30.0
"""Seconds between checks of the connections, and until one whose client reads nothing is closed."""
LIMITS: dict[str, Any] = {
    "http_server_kwargs": {
        "max_body_size": 64 * 1024,
        "max_header_size": 64 * 1024,
        "max_buffer_size": 2 * 1024 * 1024,
        "idle_connection_timeout": 20,  # also for headers that never arrive
        "body_timeout": 10,
    },
    "websocket_ping_interval": 60,
    "websocket_ping_timeout": 60,
    "xsrf_cookies": True,
    "xsrf_cookie_kwargs": {"samesite": "Strict", "httponly": True},
}
BOUNCE = "<!doctype html><title>pqkit</title><meta http-equiv='refresh' content='0; url={0}'><a href='{0}'>Go on</a>"


def server_options(most_bytes: int) -> dict[str, Any]:
    """Options of a console's server: limits on input, and signed sessions.

    A message may have at most ``most_bytes``. The tokens of sessions hold no secrets.
    """
    signs = {"sign_sessions": True, "secret_key": secrets.token_urlsafe(32)}
    told = {"include_cookies": [], "include_headers": ["Host", MARK]}
    return {**LIMITS, **signs, **told, "websocket_max_message_size": most_bytes}


def use_own_routes() -> None:
    """Set the routes of servers created later in this process, as Panel sets its own."""
    per_app_patterns[:] = ROUTES


def import_nothing() -> None:
    """Disable the route that imports modules, for servers created later in this process."""
    vars(panel.io.server)["ComponentResourceHandler"] = Refused


def stand_before(
    server: Any, hosts: Collection[str], own: Collection[str] = (), proxies: Sequence[Network] = ()
) -> "Guard":
    """Put a guard before all handlers of a server that has not started yet.

    ``hosts`` are the server's names with the port, ``own`` the route patterns that this console adds. The guard trusts
    the visitor's address that ``proxies`` send.
    """
    application = server._tornado  # noqa: SLF001 - Bokeh has no public access to either
    own = {*own, *(pattern for pattern, *_ in application.auth_provider.endpoints)}
    _keep(application, own)
    application.add_transform(Headers)
    guard = Guard(application, hosts, own, proxies)
    server._http.request_callback = BehindProxies(guard, proxies)  # noqa: SLF001
    PeriodicCallback(guard.close_stalled, LOOK_EVERY * 1000).start()
    return guard


def _keep(application: Any, own: Collection[str]) -> None:
    """Remove all routes but pages, the libraries' files and the console's own routes."""
    rules = application.wildcard_router.rules
    rules[:] = [rule for rule in rules if rule.target in KEPT or _pattern(rule) in own]


def _pattern(rule: Any) -> str:
    return str(rule.matcher.regex.pattern).removesuffix("$")


class Guard(Router):
    """Passes allowed requests on to a handler and answers the others."""

    def __init__(
        self, application: Any, hosts: Collection[str], own: Collection[str], proxies: Sequence[Network]
    ) -> None:
        self.hosts = {host.lower() for host in hosts}
        self._application, self._own, self._proxies = application, own, proxies
        self._streams: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
        self._asked: WeakSet[Any] = WeakSet()
        self._taken: WeakKeyDictionary[Any, tuple[int, float]] = WeakKeyDictionary()

    def start_request(self, server_conn: Any, request_conn: Any) -> Any:
        """Close connections above the limit, at the first byte or before it."""
        if server_conn.stream not in self._streams:
            self._come(server_conn)
        return super().start_request(server_conn, request_conn)

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> Any:
        hand_to: Callable[..., Any] = self._application.get_handler_delegate
        self._asked.add(getattr(request.connection, "stream", self))
        status = self._refusal(request)
        if status:
            return hand_to(request, Refused, {"status": status})
        if _comes_from_elsewhere(request) and request.method in READING:
            return hand_to(request, Bounce)
        return self._application.find_handler(request)

    def close_stalled(self, now: float | None = None) -> None:
        """Close connections whose client reads nothing of its answer. ``now`` is monotonic."""
        now = time.monotonic() if now is None else now
        for stream in [stream for stream in self._streams if not stream.closed()]:
            taken = stream._total_write_done_index if stream.writing() else -1  # noqa: SLF001 - no public counter
            before, since = self._taken.get(stream, (-1, now))
            self._taken[stream] = taken, since if taken == before else now
            if taken == before != -1 and now - since >= STALLED:
                stream.close()

    def _come(self, connection: Any) -> None:
        """Above the limit, close a connection without a request: a stranger may hold it open."""
        held = {stream: address for stream, address in self._streams.items() if not stream.closed()}
        peer = connection.context.remote_ip
        address = self._streams[connection.stream] = network_of(peer)
        mine = [stream for stream, other in held.items() if other == address]
        most = AT_ONCE if trusted(peer, self._proxies) else PER_ADDRESS
        if len(held) < AT_ONCE and len(mine) < most:
            return
        idle = (stream for stream in (mine if len(mine) >= most else held) if stream not in self._asked)
        next(idle, connection.stream).close()

    def _refusal(self, request: HTTPServerRequest) -> int:
        """The HTTP status for a refused request; 0 for an allowed one."""
        if request.host.lower() not in self.hosts or not self._is_from_here(request):
            return 403
        if len(request.uri or "") > LONGEST:
            return 414
        if request.method not in (FORMS if request.path in self._own else READING):
            return 405
        acts = request.path == LOGOUT and _comes_from_elsewhere(request)  # links may lead to pages only
        return 403 if acts or _chooses_session(request) or _has_body(request) else 0

    def _is_from_here(self, request: HTTPServerRequest) -> bool:
        """True if the browser names our page as the origin; other sites may only link here."""
        origins = [request.headers[name] for name in ("Origin", "Sec-WebSocket-Origin") if name in request.headers]
        if not all(_host(origin) in self.hosts for origin in origins):
            return False
        site = request.headers.get("Sec-Fetch-Site", "none")
        return site in {"none", "same-origin"} or (_is_followed(request) and request.method in READING)


def _host(origin: str) -> str:
    try:
        parts = urlsplit(origin.lower())
    except ValueError:  # brackets around an invalid address
        return ""
    return parts.netloc if parts.scheme in {"http", "https"} else ""


def _is_followed(request: HTTPServerRequest) -> bool:
    """True if a person follows a link in a top-level window."""
    said = request.headers.get
    return said("Sec-Fetch-Mode") == "navigate" and said("Sec-Fetch-Dest", "document") == "document"


def _comes_from_elsewhere(request: HTTPServerRequest) -> bool:
    return request.headers.get("Sec-Fetch-Site") == "cross-site"


def _chooses_session(request: HTTPServerRequest) -> bool:
    """True if the request chooses a session, also within the login's ``next`` address."""
    if any(name.lower().startswith(CHOICES) for name in request.headers):
        return True
    named = parse_qsl(request.query, keep_blank_values=True)
    inner = [pair for _, value in named for pair in parse_qsl(value.partition("?")[2], keep_blank_values=True)]
    return any(name.lower().startswith(CHOICES) for name, _ in [*named, *inner])


def _has_body(request: HTTPServerRequest) -> bool:
    """True for a reading request with a body; Tornado would take arguments from it."""
    said = request.headers.get
    return request.method in READING and (said("Content-Length", "0") != "0" or "Transfer-Encoding" in request.headers)


class Refused(RequestHandler):
    """Answers with a status only."""

    def initialize(self, status: int = 404) -> None:
        self.set_status(status)

    def check_xsrf_cookie(self) -> None:
        """Skip the check: this handler changes nothing."""

    def prepare(self) -> None:
        raise HTTPError(self.get_status())


class Bounce(RequestHandler):
    """A page that redirects to the same address.

    The browser sends the cookie with a link on our page, but not with one on another site's page.
    """

    def get(self) -> None:
        path, mark, asked = (self.request.uri or "/").partition("?")
        # Relative, because a proxy may have removed a prefix.
        self.finish(BOUNCE.format(xhtml_escape(f"./{path.rpartition('/')[2]}{mark}{asked}")))

    head = get
