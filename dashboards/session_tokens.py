"""The tokens that open a page's live connection; only ones that this server signed are read."""

import base64
import hashlib
import hmac
import json
import zlib
from typing import Any

MOST_CHARS, MOST_BYTES = 32_768, 65_536
"""Maximum length of a token, and its maximum size inflated. An address has at most half as many characters."""
PACKED = "__bk__zlib_"


def read(token: str, key: str | bytes) -> dict[str, Any] | None:
    """The page's request (``headers``, ``arguments``); None for a token with a wrong signature."""
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
