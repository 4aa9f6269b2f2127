"""Reports of notebook runs for logged-in users, always in a sandboxed frame.

A report opened by itself comes as a page of ours with the frame in it. As a page of its own, a report could send its
content away by navigating to another address, and no policy forbids that. A frame may navigate only where its page
allows.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tornado.template import Template
from tornado.web import HTTPError, RequestHandler

from pqkit.errors import NotFound
from pqkit.files import UnsafePath, inside, read_regular
from pqkit.notebook.run_store import REPORT, read
from pqkit.settings import settings

from .login import Visitor

ADDRESS = r"/runs/([\w.-]+)"
MOST_BYTES = 32 * 1024 * 1024
"""Maximum size of a shown report; sending it takes several times its length in memory."""
MOST_AT_ONCE = 4 * MOST_BYTES
"""Maximum size of all reports being sent; for one person it is ``MOST_BYTES``."""
LOOK_EVERY = 0.1
NAME = re.compile(r"\w[\w.-]*")
# A report runs its charts' scripts in its own origin and has no network access. Its page has the same policy; the
# frame inherits it and may not navigate anywhere.
POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
# The page contains the report: its frame requests nothing from the server, so it needs no cookie and no header.
PAGE = Template(
    """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Report {{ name }}</title>
<style>html, body, iframe { margin: 0; width: 100%; height: 100%; border: 0; display: block }</style></head>
<body><iframe class="report" title="Report {{ name }}" sandbox="allow-scripts" srcdoc="{{ report }}"></iframe></body>
</html>
""",
    autoescape="xhtml_escape",
    whitespace="all",
)


class ReportRoom:
    """The bytes of reports being sent: a client that reads nothing keeps them in memory."""

    def __init__(self) -> None:
        self._held = Counter[str]()

    @contextmanager
    def hold(self, who: str, size: int) -> Iterator[None]:
        """Reserve room for one report. Raises HTTPError 503 if there is none."""
        if self._held[who] + size > MOST_BYTES or self._held.total() + size > MOST_AT_ONCE:
            raise HTTPError(503, reason="other reports are being sent: try again in half a minute")
        self._held[who] += size
        try:
            yield
        finally:
            self._held[who] -= size
            self._held += Counter()  # forget users without reports


room = ReportRoom()


class Report(RequestHandler):
    """``/runs/NAME``: a run's report for a frame of this server, else the page with that frame."""

    async def get(self, name: str) -> None:
        gate = self.application.auth_provider  # type: ignore[attr-defined] # Bokeh's application has it
        who = await gate.get_user_async(self)
        if who is None:
            if self.request.headers.get("Sec-Fetch-Dest") == "document":  # a person followed a link
                self.redirect(f"../login?next=/runs/{name}")
                return
            raise HTTPError(401, reason="log in first")
        try:
            folder = inside(settings().runs, name)
            secret, size = read(folder).secret, (folder / REPORT).stat().st_size
        except (OSError, UnsafePath, NotFound):
            raise HTTPError(404, reason="there is no such report") from None
        if secret and not Visitor(self.request).principal().may("read_secrets"):
            raise HTTPError(403, reason="this report shows secrets: it needs the right read_secrets")
        if size > MOST_BYTES:
            raise HTTPError(413, reason=f"this report is longer than {MOST_BYTES:,} bytes: read it on the host")
        with room.hold(str(who), size):
            await self._send(name, await asyncio.to_thread(read_regular, folder / REPORT))

    async def _send(self, name: str, report: bytes) -> None:
        """Send the report; return when all of it is sent or the client is gone."""
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Frame-Options", "SAMEORIGIN")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", "Sec-Fetch-Dest, Sec-Fetch-Site")
        self.finish(report if self._is_for_our_frame() else PAGE.generate(name=name, report=report))
        stream = self.request.connection.stream  # type: ignore[union-attr] # HTTP/1's connection has it
        while stream.writing() and not stream.closed():  # the future of finish never ends if the client hangs up
            await asyncio.sleep(LOOK_EVERY)

    def _is_for_our_frame(self) -> bool:
        """True if the browser says so; else the page is sent, which fits into the frame as well."""
        said = self.request.headers
        return said.get("Sec-Fetch-Dest") == "iframe" and said.get("Sec-Fetch-Site") == "same-origin"


def frame(name: str) -> str:
    """The frame of that run's report; empty for an invalid name."""
    if not NAME.fullmatch(name):
        return ""
    return f"<iframe class='report' title='Report {name}' sandbox='allow-scripts' src='./runs/{name}'></iframe>"
