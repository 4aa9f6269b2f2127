"""Secrets are hidden where values and texts are shown or sent: one list of words for names, keys, texts and logs.

Storage holds what was given. Every view passes through ``public``, which never raises and takes linear time.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from pqkit.errors import PqkitError
from pqkit.secret_words import PAIRS, is_secret, words_of

HIDDEN, STARS = "•••", "***"
"""A value that is hidden whole, and a part of a text."""
MAX_DEPTH, MAX_JSON = 64, 64_000
MAX_VALUE = 4_000
"""Characters of one secret in a text that are looked through for its end."""

_NAMED = re.compile(
    r"""(?<![\w.%-]) (?P<name>[\w.%-]++)
        (?P<sign> \\*+ ["'`]? \]? [ \t]{0,8}+
          (?: : [ \t]{0,4}+ [A-Za-z][\w.\[\]]{0,40}+ (?:[ ]\|[ ]None)? [ \t]{0,4}+ =(?!=) | := | => | ={1,2} | : )
        [ \t]{0,8}+) (?=\S)""",
    re.VERBOSE,
)
_OPTION = re.compile(r"""(?<![\w-])--?(?P<name>[A-Za-z][\w.-]*+)(?P<sign>\\*+["']?,?[ \t]{1,8}+)(?=[^\s-])""")
_PAIR = re.compile(
    r"""(?ix) \b(?:name|key|header|field|param|parameter|variable) \\*+["']? [ \t]{0,8}+ [:=] [ \t]{0,8}+ \\*+["']?
        (?P<name>[\w.-]{1,80}+) (?P<sign> \\*+["']? , \s{0,8}+ \\*+["']? (?:value|val|content) \\*+["']? [ \t]{0,8}+
        [:=] [ \t]{0,8}+) (?=\S)"""
)
_HEADER = re.compile(
    r"""(?ix) ["'] (?P<name>[\w-]{0,40}?(?:authorization|cookie|api-key|auth-token)) (?P<sign>["'] , [ ]{0,8}+)
        (?=["'])"""
)
_OPENS = re.compile(r"""(?:[\w.]{0,40}+\(?)?+(\\*+["'`])""")
_INSIDE = {sign: re.compile(rf"(?:[^{sign}\\]|\\.){{0,{MAX_VALUE}}}+", re.DOTALL) for sign in "\"'`"}
_BARE = re.compile(
    r"""(?ix) (?P<scheme>(?:bearer|basic|token|digest|apikey|negotiate)[ \t]{1,8}+)?+
        (?: [^\s"',;&)}\]\\] | \\(?!["']) | [,;&)}\]](?![\s"'\\,;&)}\]]|$|[\w.%-]{1,64}+=) )*+"""
)
_LINE = re.compile(r"""[^\r\n"']*+""")
_URL = re.compile(
    r"""(?x) (?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]{0,30}):// (?P<user>[^/?\#@:\s"'<>`\\]{0,200}+)
        (?: : (?P<password>
              (?=[^\s"'<>`]{1,300}@) [^\s"'<>`]{1,300} (?=@)
            | (?!\d{1,5}(?:[/\s?\#,;)\]}]|$)) [^"'<>`\r\n@]{1,100} (?=@[\w.\[-])
            | (?!\d{1,5}(?:\D|$)|//) [^\s"'<>`@/]{1,300} (?=…?$) )
          | (?=@) )"""
)
_SHAPES = re.compile(
    r"""(?x) (?<![A-Za-z0-9]) (?:
          (?:AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16} | gh[opusr]_[A-Za-z0-9]{20,255} | github_pat_\w{20,255}
        | glpat-[\w-]{16,128} | xox[abeprs]-[\w-]{8,255} | xapp-[\w-]{8,255} | sk-[\w-]{16,255}
        | (?:sk|rk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,255} | AIza[\w-]{30,64} | ya29\.[\w.-]{16,512} | npm_\w{30,64}
        | pypi-[\w-]{16,512} | hf_[A-Za-z0-9]{20,64} | SG\.[\w-]{16,64}\.[\w-]{16,64} | hvs\.[\w-]{16,255}
        | dop_v1_[0-9a-f]{32,128} | shp[ap][ts]_[0-9a-fA-F]{16,64} | AGE-SECRET-KEY-1[0-9A-Z]{20,80}
        | pq_[0-9a-f]{10}_[\w-]{16,128} | eyJ[\w-]{4,2000}\.[\w-]{4,4000}(?:\.[\w-]{0,2000})?
        | (?:(?<=hooks\.slack\.com/services/)|(?<=discord\.com/api/webhooks/))[\w/-]{8,255} )"""
)
_PEM = re.compile(
    r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----).*?(?=-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)
_BEARER = re.compile(r"(?i)\b(bearer[ \t]{1,8}+)(?=[\w~+/=-]*+[\d._~+/=-]|\w{20})[\w.~+/=-]{6,}+")
_BASIC = re.compile(r"(?i)\b(basic[ \t]{1,8}+)(?=[A-Za-z+/]{0,60}[\d=]|\w{20})[A-Za-z0-9+/]{8,}+={0,2}")


class SecretNeeded(PqkitError, ValueError):
    """A hidden value that may not go with what was changed beside it."""


def public(value: Any) -> Any:
    """What may be shown of a JSON value or a text: secrets by their names are ``•••``, those in texts ``***``."""
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


NAMING = {"name", "key", "header", "field", "param", "parameter", "variable"}
NAMED = {"value", "values", "val", "content"}


def _object(value: Mapping[Any, Any], depth: int) -> dict[Any, Any]:
    named = any(
        isinstance(item, str) and str(name).lower() in NAMING and is_secret(item) for name, item in value.items()
    )
    return {
        name: HIDDEN if is_secret(str(name)) or (named and str(name).lower() in NAMED) else _public(item, depth + 1)
        for name, item in value.items()
    }


def _items(items: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
    """Each of them; what follows an option such as ``--password``, and what is paired with a secret's name, is none."""
    found: list[Any] = []
    before: Any = None
    for item in items:
        hidden = isinstance(before, str) and before.startswith("-") and is_secret(before) and "=" not in before
        pair = isinstance(item, (list, tuple)) and len(item) == 2 and isinstance(item[0], str) and is_secret(item[0])
        found.append(HIDDEN if hidden else [item[0], HIDDEN] if pair else _public(item, depth + 1))
        before = item
    return found


def redact(text: str) -> str:
    """``text`` with stars for the secrets in it: in URLs, beside names of secrets, and those that are known by their
    shape."""
    for _ in range(ROUNDS):
        before, text = text, _redacted(text)
        if text == before:
            break
    return text


ROUNDS = 4
"""Stars may end what was none before, such as an address that is cut off there."""


def _redacted(text: str) -> str:
    if text[:1] in {"{", "["} and len(text) <= MAX_JSON:
        text = _as_json(text)
    text = _PEM.sub(rf"\1{STARS}", text) if "PRIVATE KEY-----" in text else text
    text = without_passwords(text)
    if "=" in text or ":" in text:
        text = _beside(_NAMED, _beside(_PAIR, text))
    text = _beside(_OPTION, text) if "-" in text else text
    text = _beside(_HEADER, text) if "," in text else text
    text = _BEARER.sub(rf"\1{STARS}", text)
    text = _BASIC.sub(rf"\1{STARS}", text)
    return _SHAPES.sub(STARS, text)


def without_passwords(text: str) -> str:
    """``text`` with stars for the password, or the token, of every URL in it."""
    return _URL.sub(_in_url, text) if "://" in text else text


def redacted(text: str | None) -> str:
    """What may be shown of a stored JSON text; of one that is no JSON, as of any text."""
    try:
        value = json.loads(text or "null")
        shown = public(value)
        return text if text and shown == value else _written(shown)
    except (ValueError, RecursionError):
        return redact(str(text))


def restored(changed: Any, kept: Any) -> Any:
    """``changed`` with the hidden values of ``kept`` where it has what is shown of them.

    Raises SecretNeeded where more than a number or a flag was changed beside them: it could be the address that they
    are sent to.
    """
    others: list[str] = []
    found = _restored(changed, kept, public(kept), "", others)
    if found != changed and others:
        raise SecretNeeded(f"{others[0]} was changed, so the hidden values are not sent along: type them anew")
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
    """A value that somebody typed. What stands for a hidden one is no value."""
    if _stands_for_hidden(item):
        raise SecretNeeded(f"{where} is {HIDDEN}, which stands for a hidden value that is not there: type it anew")
    if not (isinstance(item, (int, float)) and isinstance(old, (int, float))) or "port" in words_of(where):
        others.append(where)
    return item


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
    """A text to search, or to search for, in small letters, without the spaces behind commas and colons: PostgreSQL may
    put them there, and one who searches may not."""
    return text.replace(", ", ",").replace(": ", ":").lower()


def _as_json(text: str) -> str:
    """A text that is JSON as its value is shown; as it is where that hides nothing."""
    try:
        value = json.loads(text)
        shown = _public(value, 0)
        return text if shown == value else _written(shown)
    except (ValueError, RecursionError):
        return text


def _in_url(found: re.Match[str]) -> str:
    scheme, user, password = found["scheme"], found["user"], found["password"]
    web = scheme.lower() in {"http", "https", "ws", "wss"}
    if password is None:
        return f"{scheme}://{STARS if user and (web or _is_token(user)) else user}"
    if web and re.match(r"\d{1,5}[/?#]", password):  # it is a port, and the sign is part of a path
        return f"{scheme}://{user}:{without_passwords(password)}"
    return f"{scheme}://{STARS if _is_token(user) or password in NO_PASSWORD else user}:{STARS}"


NO_PASSWORD = frozenset({"x", "x-oauth-basic"})
"""What stands for a password where the user's name is the secret."""


def _is_token(user: str) -> bool:
    return len(user) >= 16 and any(map(str.isdigit, user)) and "." not in user


def _beside(names: re.Pattern[str], text: str) -> str:
    """Stars for what stands beside each name that is a secret's."""
    parts, begun, place = list[str](), 0, 0
    while found := names.search(text, place):
        place = found.end("name")
        start, end = _value(text, found.end(), found["name"]) if _announces(text, found) else (place, place)
        if start < end:
            parts += [text[begun:start], STARS]
            begun = place = end
    return "".join([*parts, text[begun:]]) if parts else text


def _announces(text: str, found: re.Match[str]) -> bool:
    name = found["name"]
    if is_secret(name):
        return True
    before = re.search(r"([A-Za-z]{1,20})[ ]$", text[max(0, found.start() - 21) : found.start()])
    return before is not None and f"{before[1]} {name}".lower() in PAIRS


def _value(text: str, start: int, name: str) -> tuple[int, int]:
    """From where to where a secret stands that begins there: what is quoted, one word, or a header's whole line."""
    opens = _OPENS.match(text, start)
    if opens is not None:
        sign, start = opens[1], opens.end()
        if len(sign) == 1:
            return start, _end(_INSIDE[sign], text, start)
        end = text.find(sign, start, start + MAX_VALUE)
        return start, end if end >= 0 else min(len(text), start + MAX_VALUE)
    if "cookie" in name.lower():
        return start, _end(_LINE, text, start)
    bare = _BARE.match(text, start)
    return (start, start) if bare is None else (bare.end("scheme") if bare["scheme"] else start, bare.end())


def _end(inside: re.Pattern[str], text: str, start: int) -> int:
    found = inside.match(text, start)
    return start if found is None else found.end()
