"""Secrets, handed out once and stored as a digest: a fast hash, because they are random."""

import hashlib
import secrets


def new() -> str:
    """Return 256 random bits as text that fits into a header and a cookie."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
