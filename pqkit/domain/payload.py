"""Bounds for stored JSON: arguments beyond them are refused, a result is replaced by a note.

SQLite, PostgreSQL's JSONB and every JSON reader can hold values within the bounds: 256 KiB, depth 32, finite numbers,
64-bit integers, no NUL, no lone surrogate. One of them would refuse a value outside them later, when it is too late.
"""

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from pqkit.domain.exact_json import PLAIN, holds, is_flat
from pqkit.errors import PqkitError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
MAX_ERROR_CHARS = 16_000
SHORT = 19
"""A text shorter than this has no integer beyond 64 bits."""
ESCAPED_NUL = "\\u0000"
_BAD_TEXT = re.compile("[\x00\ud800-\udfff]")
_LONG_NUMBER, _SURROGATE = re.compile("[0-9]{19}"), re.compile("[\ud800-\udfff]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class PayloadError(PqkitError, ValueError):
    """Arguments or a result that cannot be stored; the message names the place and the rule."""


def encode_args(args: Mapping[str, Any]) -> str:
    """Encode ``args`` as compact JSON.

    Raises PayloadError unless they are an object within the bounds that JSON holds exactly: a value that would come
    back as another type, such as a tuple, is refused.
    """
    if not isinstance(args, Mapping):
        raise PayloadError(f"arguments must be a JSON object, not {type(args).__name__}")
    return _exactly(args if type(args) is dict else dict(args), "args")


def surely_fits(text: str) -> bool:
    """Fast check that a JSON text is within the bounds; False asks for a closer check."""
    size = len(text)
    if size > MAX_BYTES // 4 or text.count("{") + text.count("[") > MAX_DEPTH:  # a character takes at most four bytes
        return False
    if "NaN" in text or "Infinity" in text or ESCAPED_NUL in text:
        return False
    return (size < SHORT or not _LONG_NUMBER.search(text)) and (text.isascii() or not _SURROGATE.search(text))


def surely_fits_flat(text: str) -> bool:
    """The same check for a flat object with finite numbers, written in UTF-8 by a serializer."""
    if len(text) >= SHORT and (len(text) > MAX_BYTES // 4 or _LONG_NUMBER.search(text)):
        return False
    return ESCAPED_NUL not in text


def encode_result(value: Any) -> str | None:
    """Encode a handler's result as JSON; None stays None.

    It is never refused: the work is done, and its finish must stand. A result that JSON cannot hold exactly is replaced
    by a note, with the nearest value under ``instead``; a result beyond the size limit by the note alone.
    """
    if value is None:
        return None
    try:
        return _exactly(value, "result")
    except PayloadError as error:
        note = {"not_kept": clean_text(str(error))}
    except BaseException as error:  # noqa: BLE001 - the value's own code may raise anything, and the work is done
        note = {"not_kept": f"the result cannot be read: {type(error).__name__}"}
    try:
        text = _dump(note | {"instead": _mend(value, 2)})
    except BaseException:  # noqa: BLE001 - see above
        return _dump(note)
    return text if len(text.encode()) <= MAX_BYTES else _dump(note)


def decode(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def clean_text(text: str, limit: int = MAX_ERROR_CHARS) -> str:
    """Replace NUL and lone surrogates (databases refuse them); cut the middle above ``limit``."""
    text = _BAD_TEXT.sub("\ufffd", text)
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def _exactly(value: Any, where: str) -> str:
    try:
        text = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        return _encode(value, where)
    flat = type(value) is dict and is_flat(value)
    return text if surely_fits(text) and (flat or holds(text, value)) else _encode(value, where)


def _encode(value: Any, where: str) -> str:
    _check(value, where, 1)
    text = _ENCODER.encode(value)
    size = len(text.encode())
    if size > MAX_BYTES:
        raise PayloadError(f"{where} takes {size} bytes as JSON; at most {MAX_BYTES} are stored")
    return text


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _check(value: Any, where: str, depth: int) -> None:
    if type(value) is dict:
        _check_depth(where, depth)
        for key, item in value.items():
            _check_key(key, where)
            _check(item, f"{where}.{key:.80}", depth + 1)
    elif type(value) is list:
        _check_depth(where, depth)
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]", depth + 1)
    else:
        _check_leaf(value, where)


def _check_leaf(value: Any, where: str) -> None:
    match value:
        case _ if type(value) not in PLAIN:
            raise PayloadError(f"{where} is a {type(value).__name__}, which JSON cannot hold")
        case str() if _BAD_TEXT.search(value):
            raise PayloadError(f"{where} has a NUL or a lone surrogate, which databases refuse")
        case int() if not INT_MIN <= value <= INT_MAX:
            raise PayloadError(f"{where} is an integer beyond 64 bits")
        case float() if not math.isfinite(value):
            raise PayloadError(f"{where} is {value}, which JSON cannot hold")


def _check_key(key: Any, where: str) -> None:
    if type(key) is not str:
        raise PayloadError(
            f"{where} has a key that is {_mend_text(key):.80} ({type(key).__name__}); JSON keys are text"
        )
    _check_leaf(key, f"{where} (a key)")


def _check_depth(where: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise PayloadError(f"{where[:80]} is nested deeper than {MAX_DEPTH} levels")


def _mend(value: Any, depth: int = 1) -> Any:
    match value:
        case bool() | None:
            return value
        case int() if INT_MIN <= value <= INT_MAX:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case dict() if depth <= MAX_DEPTH:
            return {_mend_text(key): _mend(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth <= MAX_DEPTH:
            return [_mend(item, depth + 1) for item in value]
        case _:
            return _mend_text(value)


def _mend_text(value: Any) -> str:
    try:
        return _BAD_TEXT.sub("\ufffd", str(value))
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything, and the finish must not fail for it
        return f"<{type(value).__name__}>"


def read_json(text: str | bytes) -> Any:
    """Parse JSON from outside, dropping and rounding nothing.

    Raises JSONDecodeError for invalid JSON, and ValueError for a duplicate name in an object, for a number that would
    be rounded, and for a text that is nested too deep.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_twins, parse_float=_exact_float)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object from pairs, refusing duplicate names: the parser would drop one silently."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r:.80} is in one object twice")
    return found


def _exact_float(digits: str) -> float:
    """Parse a number that its shortest form equals: 0.1 does, 0.10000000000000000001 is refused."""
    found = float(digits)
    if repr(found) != digits and not _same(repr(found), digits):
        raise ValueError(f"{digits:.40} would become {found!r}: give it as text, or with fewer digits")
    return found


def _same(one: str, other: str) -> bool:
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:  # the exponent is beyond all bounds
        return False
