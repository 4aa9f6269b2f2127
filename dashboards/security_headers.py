"""Security headers: the browser runs only the page's own scripts and contacts no other host.

The scripts of a page's template carry a nonce made for this one response, so an injected script does not run, whether
it arrives later or with the page. Bokeh needs ``eval`` (its models carry JavaScript that the page compiles), modules
from ``blob:`` and inline styles; those stay allowed.
"""

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform

NONCE = "nonce"
"""The attribute of a request that holds the nonce of its response's scripts."""
MARK = "Pqkit-Login"
"""The header, set by the server itself, that names the login for which a page was made."""
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The policy of responses that are not pages."""


class Headers(OutputTransform):
    """Adds the headers to each response, whichever handler sends it."""

    def __init__(self, request: HTTPServerRequest) -> None:
        self._request = request

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, _finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        for name, value in FIXED.items():
            headers.setdefault(name, value)
        headers.pop("Server", None)
        if headers.get("Content-Type", "").startswith("text/html"):
            headers["Cache-Control"] = "no-store"
            headers.pop("Etag", None)
            headers.setdefault("Content-Security-Policy", self._policy())
        headers.setdefault("Content-Security-Policy", NOTHING)
        return status_code, headers, chunk

    def _policy(self) -> str:
        return policy(getattr(self._request, NONCE, None), self._request.host)


def policy(nonce: str | None, host: str) -> str:
    """The policy of a page whose scripts carry that nonce; without a nonce no script runs."""
    scripts = f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval' blob:" if nonce else "script-src 'none'"
    return "; ".join(
        [
            "default-src 'none'",
            scripts,
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
