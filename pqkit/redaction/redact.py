"""Hides secrets in values and texts before they are shown or sent.

One list of words serves for names, keys, texts and logs. The database stores the originals. Every view passes through
``public``, which never raises and takes linear time.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pqkit.errors import PqkitError
from pqkit.redaction.redact_texts import starred
from pqkit.redaction.secret_words import is_secret, words_of

HIDDEN = "•••"
"""Replaces a value that is hidden whole."""
MAX_DEPTH, MAX_JSON = 64, 4_000_000
SHORT_TEXT, MOST_REMEMBERED = 400, 32_768
"""Limits of the cache of redacted texts: characters of a text, and entries (30 MB at most).

A list that is refreshed or searched shows the same texts again and again.
"""


HARMLESS = {
    *("attempts", "backoff", "batch", "bytes", "chunk", "count", "days", "delay", "height", "hours", "length", "limit"),
    *("minutes", "n", "number", "page", "pages", "priority", "quality", "retries", "rows", "scale", "seconds", "size"),
    *("skip", "timeout", "ttl", "width"),
}
"""Words in names of numbers that may change beside a hidden value.

Other values may say where the hidden value is sent, or whose it is.
"""


class SecretNeeded(PqkitError, ValueError):
    """Raised when a hidden value would be sent along with what was changed beside it."""


def public(value: Any) -> Any:
    """Redact a JSON value or a text: secrets by name become ``•••``, secrets in texts ``***``."""
    return _public(value, 0)


def _public(value: Any, depth: int) -> Any:
    match value:
        case str():
            return redact(value)
        case list() | tuple() | dict() if depth > MAX_DEPTH:
            return HIDDEN
        case Mapping():
            return _object(value, depth)
        case list() | tuple():
            return _items(value, depth)
        case _:
            return value


NAMING = frozenset(
    [
        "name",
        "key",
        "header",
        "field",
        "param",
        "parameter",
        "variable",
        "id",
        "label",
        "attribute",
        "var",
        "setting",
        "property",
        "option",
        "arg",
        "path",
        "k",
    ]
)
NAMED = frozenset(["value", "values", "val", "content", "default", "data", "valuefrom", "defaultvalue", "v"])
_WORD = re.compile(r"[\w.-]{1,64}")


def _object(value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
    named = any(
        isinstance(item, str) and str(name).lower() in NAMING and is_secret(item) for name, item in value.items()
    )
    found: dict[Any, Any] = {}
    for name, item in value.items():
        hidden = is_secret(str(name)) or (named and str(name).lower().replace("_", "") in NAMED)
        found[_name(name, found)] = HIDDEN if hidden else _public(item, depth + 1)
    return found


def _name(name: Any, taken: dict[Any, Any]) -> Any:
    """A member's name with its secrets redacted; names that then look the same are numbered."""
    if not isinstance(name, str) or (len(name) < SHORT and name.isidentifier()):
        return name
    shown = redact(name)
    return shown if shown not in taken else f"{shown} {len(taken)}"


SHORT = 14
"""Minimum length in characters of a word that may have the shape of a token."""


def _items(items: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
    """Redact items; hide one after a secret's name (such as ``--password``) or paired with one."""
    found: list[Any] = []
    before: Any = None
    for item in items:
        hidden = _names_a_secret(before) and isinstance(item, (str, int, float)) and not isinstance(item, bool)
        pair = isinstance(item, (list, tuple)) and len(item) == 2 and _names_a_secret(item[0])
        found.append(HIDDEN if hidden else [item[0], HIDDEN] if pair else _public(item, depth + 1))
        before = item
    return found


def _names_a_secret(item: Any) -> bool:
    return isinstance(item, str) and _WORD.fullmatch(item) is not None and is_secret(item)


def redact(text: str) -> str:
    """``text`` with stars for its secrets: in URLs, beside names of secrets, or known by shape."""
    return _remembered(text) if len(text) <= SHORT_TEXT else _in_rounds(text)


def _in_rounds(text: str) -> str:
    for _ in range(ROUNDS):
        before, text = text, _redacted(text)
        if text == before:
            break
    return text


ROUNDS = 4
"""Maximum passes: stars may complete a pattern, such as an address that is cut off there."""


_remembered = lru_cache(MOST_REMEMBERED)(_in_rounds)


def _redacted(text: str) -> str:
    return starred(_as_json(text) if looks_like_json(text) and len(text) <= MAX_JSON else text)


def looks_like_json(text: str) -> bool:
    """True if the text begins like a JSON object or list."""
    return _JSON.match(text) is not None


_JSON = re.compile(r"\s{0,80}+[{\[]")


def redacted(text: str | None) -> str:
    """Redact a stored JSON text; a text that is not valid JSON is redacted as plain text."""
    text = text or "null"
    return _remembered_json(text) if len(text) <= SHORT_TEXT else _shown_json(text)


def _shown_json(text: str) -> str:
    try:
        value = json.loads(text)
        shown = public(value)
        return text if shown == value else _written(shown)
    except (ValueError, RecursionError):
        return redact(text)


_remembered_json = lru_cache(MOST_REMEMBERED)(_shown_json)


def restored(changed: Any, kept: Any) -> Any:
    """``changed`` with its placeholders replaced by the hidden values of ``kept``.

    Raises SecretNeeded if more than a harmless number, such as a limit, was changed beside them: it could be the
    address that they are sent to.
    """
    others: list[str] = []
    found = _restored(changed, kept, public(kept), "", others)
    if found != changed and others:
        raise SecretNeeded(f"{redact(others[0])} was changed, so the hidden values are not sent along: type them anew")
    return found


def _restored(changed: Any, kept: Any, shown: Any, where: str, others: list[str]) -> Any:
    if changed == shown and type(changed) is type(shown):
        return kept
    match changed, kept:
        case dict(), dict():
            others += [f"{where}{name}" for name in kept if name not in changed]
            return {
                name: _restored(item, kept.get(name), shown.get(name), f"{where}{name}.", others)
                if isinstance(shown, dict) and name in kept
                else _new(item, None, f"{where}{name}", others)
                for name, item in changed.items()
            }
        case list(), list() if isinstance(shown, list) and len(changed) == len(kept):
            return [
                _restored(item, old, seen, f"{where}{place}.", others)
                for place, (item, old, seen) in enumerate(zip(changed, kept, shown, strict=True))
            ]
        case _:
            return _new(changed, kept, where.rstrip("."), others)


def _new(item: Any, old: Any, where: str, others: list[str]) -> Any:
    """A newly typed value; a placeholder is refused, and a change that may do harm is noted."""
    if _stands_for_hidden(item):
        raise SecretNeeded(
            f"{redact(where)} is {HIDDEN}, which stands for a hidden value that is not there: type it anew"
        )
    if not (_is_number(item) and _is_number(old) and HARMLESS.intersection(words_of(where.rpartition(".")[2]))):
        others.append(where)
    return item


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _stands_for_hidden(item: Any) -> bool:
    match item:
        case dict():
            return any(map(_stands_for_hidden, item.values()))
        case list():
            return any(map(_stands_for_hidden, item))
        case _:
            return bool(item == HIDDEN)


_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def comparable(text: str) -> str:
    """Normalize a text or a search term: lower case, no space after commas and colons.

    PostgreSQL may put such spaces there, and a search term may lack them.
    """
    return text.replace(", ", ",").replace(": ", ":").lower()


def _as_json(text: str) -> str:
    """Redact a text that is JSON by its value; return it unchanged where that hides nothing."""
    try:
        value = json.loads(text)
        shown = _public(value, 0)
        return text if shown == value else _written(shown)
    except (ValueError, RecursionError):
        return text
