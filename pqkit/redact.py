"""Keeping secrets out of what is shown, kept or sent: in URLs, and beside words that announce them."""

import re

STARS = "***"
_URL = re.compile(r"(\w://[^:/@\s\"']*:)[^@/\s\"']+@")
_ANNOUNCED = re.compile(
    r"""(?ix) ((?:\b|_) (?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|authorization|credentials?)
        ["']? \s* [=:] \s* ["']? (?:bearer \s+ | basic \s+)?) [^\s"',;&)}\]]+"""
)


def without_passwords(text: str) -> str:
    """``text`` with stars for the password of every URL in it."""
    return _URL.sub(rf"\1{STARS}@", text)


def redact(text: str) -> str:
    """The same, and stars for what stands beside ``password``, ``token``, ``api_key`` and their like."""
    return _ANNOUNCED.sub(rf"\1{STARS}", without_passwords(text))
