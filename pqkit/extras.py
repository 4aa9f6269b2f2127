"""How an extra of pqkit is installed: from where pqkit itself came from, and never from an index.

pqkit is not published: on an index anybody may own its name, and who installs it from there runs that person's code.
"""

import json
from importlib import metadata
from urllib.parse import unquote, urlsplit

ELSEWHERE = "CHECKOUT-OR-WHEEL"


def hint(extra: str) -> str:
    """The command that adds an extra, with the checkout or wheel from which this pqkit was installed, where known."""
    return f"pip install '{_source() or ELSEWHERE}[{extra}]' (README.md: Install)"


def _source() -> str | None:
    """The path of the checkout or wheel; None for what pip has not noted, or what came from an address."""
    try:
        noted = metadata.distribution("pqkit").read_text("direct_url.json")
        parts = urlsplit(json.loads(noted or "{}").get("url", ""))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return None
    return unquote(parts.path) if parts.scheme == "file" else None
