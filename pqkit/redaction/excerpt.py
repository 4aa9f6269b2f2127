"""Shows the beginning of long JSON with its secrets hidden, at a bounded cost."""

import json
from typing import Any

from pqkit.redaction.redact import MAX_DEPTH, MAX_JSON, NAMING, looks_like_json, public, redact, redacted
from pqkit.redaction.redact_texts import MAX_VALUE

MOST = 2_000
"""Approximate limit of characters for arguments in a list."""
LEFT_OUT = "…"


class _Room:
    """The number of characters that may still be shown."""

    def __init__(self, left: int) -> None:
        self.left = left


def excerpt(text: str | None, most: int = MOST) -> str:
    """Redact a stored JSON text; of a long one, keep the first members, items and characters.

    ``…`` with a count stands for what is left out. A secret that is cut in two is hidden like a whole one.
    """
    text = text or "null"
    if len(text) <= most:
        return redacted(text)
    try:
        value = _cut(json.loads(text), _Room(most), most, 0)
    except (ValueError, RecursionError):
        return _written(_trimmed(redact(text[: most + MAX_VALUE]), most))
    return _written(_trimmed(public(value), most))


def _cut(value: Any, room: _Room, most: int, depth: int) -> Any:
    """Cut a value to the room left; its shown part looks the same as in the whole value."""
    match value:
        case str():
            text = _cut_text(value, room, most, depth)
            room.left -= len(text)
            return text
        case dict() if depth <= MAX_DEPTH:
            return _cut_members(value, room, most, depth)
        case list() if depth <= MAX_DEPTH:
            kept = [_cut(item, room, most, depth + 1) for item in value if _spend(room, 1)]
            return kept if len(kept) == len(value) else [*kept, {LEFT_OUT: f"{len(value) - len(kept):,} more"}]
        case _:
            return value


def _cut_members(value: dict[str, Any], room: _Room, most: int, depth: int) -> dict[str, Any]:
    """Cut an object, but keep every member that may name what another member holds."""
    kept = {}
    for name, item in value.items():
        if len(name) <= most and _spend(room, len(name)):
            kept[name] = _cut(item, room, most, depth + 1)
        elif name.lower() in NAMING and isinstance(item, str):
            kept[name] = item if len(item) <= most else item[: most // 2] + item[-most // 2 :]
    if len(kept) < len(value):
        kept[LEFT_OUT] = f"{len(value) - len(kept):,} more"
    return kept


def _cut_text(text: str, room: _Room, most: int, depth: int) -> str:
    """Cut a long text, keeping enough to recognize the secrets in its shown part."""
    if len(text) <= most:
        return text
    if looks_like_json(text) and len(text) <= MAX_JSON and depth <= MAX_DEPTH:
        try:
            return _written(_cut(json.loads(text), room, most, depth + 1))
        except (ValueError, RecursionError):
            pass
    return text[: most + MAX_VALUE]


def _spend(room: _Room, characters: int) -> bool:
    """Take room for a number of characters; return False if none is left."""
    if room.left <= 0:
        return False
    room.left -= characters
    return True


def _trimmed(shown: Any, most: int) -> Any:
    match shown:
        case str():
            return shown if len(shown) <= most else f"{shown[:most]}{LEFT_OUT}"
        case dict():
            return {name: _trimmed(item, most) for name, item in shown.items()}
        case list():
            return [_trimmed(item, most) for item in shown]
        case _:
            return shown


_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
