"""What is secret in stored JSON, by the names of its keys, is not shown."""

import json
import re
from functools import lru_cache
from typing import Any

HIDDEN = "•••"
_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
SECRET = re.compile(
    r"pass(word|wd|phrase|code)?$|^pwd$|secret|token|api[-_]?key|private[-_]?key|access[-_]?key|authori[sz]ation|"
    r"credential|cookie|signature|^pin$|^cvv?$|card[-_]?number|^iban$|^ssn$",
    re.IGNORECASE,
)


@lru_cache
def is_secret(name: str) -> bool:
    """Whether the key's name sounds secret."""
    return SECRET.search(name) is not None


def redacted(text: str | None) -> str:
    """A stored JSON text with ``•••`` for each value whose key sounds secret (``password``, ``api_key``, ``token`` …);
    as it stands where it is no JSON."""
    try:
        value = json.loads(text or "null")
    except ValueError:
        return str(text)
    return _written(hide(value))


def shows(text: str, part: str) -> bool:
    """Whether a stored JSON text in which ``part`` was found has it where it is not hidden, in any case of letters."""
    return _close(part) in _close(redacted(text))


def _close(text: str) -> str:
    """Without the spaces behind commas and colons, which PostgreSQL puts there and one who searches may not."""
    return text.replace(", ", ",").replace(": ", ":").lower()


def hide(value: Any) -> Any:
    """The same for what has been read from JSON already."""
    match value:
        case dict():
            return {name: HIDDEN if is_secret(name) else hide(item) for name, item in value.items()}
        case list():
            return [hide(item) for item in value]
        case _:
            return value


def restored(changed: Any, kept: Any) -> Any:
    """``changed`` with what was hidden in it as it is in ``kept``: who edits what is shown loses no secret."""
    match changed, kept:
        case str(), _ if changed == HIDDEN:
            return kept
        case dict(), dict():
            return {name: restored(item, kept.get(name, item)) for name, item in changed.items()}
        case list(), list() if len(changed) == len(kept):
            return [restored(*pair) for pair in zip(changed, kept, strict=True)]
        case _:
            return changed
