"""Reports of notebook runs, for who is logged in, and for a frame that keeps them away from the page around them."""

import re

from tornado.web import HTTPError, RequestHandler

from pqkit.errors import NotFound
from pqkit.files import UnsafePath, inside, read_regular
from pqkit.notebook.runs import REPORT, read
from pqkit.settings import settings

from .gate import Visitor

ADDRESS = r"/runs/([\w.-]+)"
NAME = re.compile(r"\w[\w.-]*")
# A report runs its own scripts, for its charts, in an origin of its own, and reaches nobody.
POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; frame-ancestors 'self'"
)


class Report(RequestHandler):
    """``/runs/NAME``: the report of one run."""

    async def get(self, name: str) -> None:
        gate = self.application.auth_provider  # type: ignore[attr-defined] # Bokeh's application has it
        if await gate.get_user_async(self) is None:
            if self.request.headers.get("Sec-Fetch-Dest") == "document":  # a person has followed a link
                self.redirect(f"../login?next=/runs/{name}")
                return
            raise HTTPError(401, reason="log in first")
        try:
            folder = inside(settings().runs, name)
            secret, page = read(folder).secret, read_regular(folder / REPORT)
        except (OSError, UnsafePath, NotFound):
            raise HTTPError(404, reason="there is no such report") from None
        if secret and not Visitor(self.request).principal().may("read_secrets"):
            raise HTTPError(403, reason="this report shows secrets: it needs the right read_secrets")
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Frame-Options", "SAMEORIGIN")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(page)


def frame(name: str) -> str:
    """The report of that run in a frame; nothing for a name that is none."""
    if not NAME.fullmatch(name):
        return ""
    return f"<iframe class='report' title='Report {name}' sandbox='allow-scripts' src='./runs/{name}'></iframe>"
