"""The tokens that stand in a page and open its live connection: one that this server did not sign is not read."""

import base64
import hashlib
import hmac
import json
import zlib
from typing import Any

MOST_CHARS, MOST_BYTES = 32_768, 65_536
"""A token's length, and what it may come to when it is inflated. An address has half as many characters at most."""
PACKED = "__bk__zlib_"


def read(token: str, key: str | bytes) -> dict[str, Any] | None:
    """What the page was asked with (``headers``, ``arguments``); None for a token that this server did not sign."""
    if len(token) > MOST_CHARS or not token.isascii():
        return None
    text, _, signature = token.partition(".")
    if not hmac.compare_digest(signature, _sign(text, key)):
        return None
    return _inflate(json.loads(_decode(text)))


def _inflate(said: dict[str, Any]) -> dict[str, Any] | None:
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(_decode(said.get(PACKED, "")), MOST_BYTES)
    if unpacking.unconsumed_tail:
        return None
    found: dict[str, Any] = json.loads(text or b"{}")
    return found


def _sign(text: str, key: str | bytes) -> str:
    secret = key.encode() if isinstance(key, str) else key
    return base64.urlsafe_b64encode(hmac.digest(secret, text.encode(), hashlib.sha256)).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
