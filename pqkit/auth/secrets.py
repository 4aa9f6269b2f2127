"""Secrets that are handed out once and kept as a digest. They are random, so a fast hash is enough."""

import hashlib
import secrets


def new() -> str:
    """256 random bits as text that fits into a header and a cookie."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
