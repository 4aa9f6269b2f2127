"""Installs pqkit's extras from where pqkit itself came from, never from a package index.

pqkit is not published: any person may own its name on an index, and installing from there would run that person's code.
"""

import json
from importlib import metadata
from urllib.parse import unquote, urlsplit

ELSEWHERE = "CHECKOUT-OR-WHEEL"


def hint(extra: str) -> str:
    """The command that installs an extra, with this pqkit's checkout or wheel if known."""
    return f"pip install '{_source() or ELSEWHERE}[{extra}]' (README.md: Install)"


def _source() -> str | None:
    """The path of the checkout or wheel; None if pip did not record it or it came from a URL."""
    try:
        noted = metadata.distribution("pqkit").read_text("direct_url.json")
        parts = urlsplit(json.loads(noted or "{}").get("url", ""))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return None
    return unquote(parts.path) if parts.scheme == "file" else None
