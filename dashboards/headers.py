"""What every answer of the consoles tells the browser: run only what came with the page, talk to nobody else.

The scripts of a page carry a number that is made for this one answer, so that a script that is smuggled in later does
not run. Bokeh cannot do without ``eval`` (its models carry JavaScript that is compiled in the page), without modules
from ``blob:``, and without inline styles; those stay allowed.
"""

import re
import secrets

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

SCRIPT = re.compile(rb"<script\b(.*?</script>)", re.DOTALL | re.IGNORECASE)
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Headers(OutputTransform):
    """Adds the headers to each answer; a page is written in one piece, so its scripts are all there."""

    def __init__(self, request: HTTPServerRequest) -> None:
        self._host = request.host

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        for name, value in FIXED.items():
            headers.setdefault(name, value)
        if "Content-Security-Policy" in headers:  # it has a policy of its own
            return status_code, headers, chunk
        if finishing and headers.get("Content-Type", "").startswith("text/html"):
            nonce = secrets.token_urlsafe(16)
            chunk = SCRIPT.sub(rb'<script nonce="%s"\1' % nonce.encode(), chunk)
            headers["Content-Security-Policy"] = policy(nonce, self._host)
            headers["Content-Length"] = str(len(chunk))
            headers["Cache-Control"] = "no-store"
            headers.pop("Etag", None)
        return status_code, headers, chunk


def policy(nonce: str, host: str) -> str:
    """The content security policy of a page whose scripts carry that number."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval' blob:",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' blob: ws://{host} wss://{host}",
            "frame-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )
