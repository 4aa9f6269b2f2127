"""Checks that a value comes back from its stored JSON unchanged, by type and by repr.

``value_conversion`` checks the changes that an annotation makes to a value.
"""

import json
import marshal
import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime, time, timezone
from typing import Any

from pydantic_core import TzInfo

PLAIN = frozenset({str, int, float, bool, type(None)})
"""The types of JSON's scalar values."""
NUMBERS = frozenset({int, float, bool})
CHANGED = "would arrive as another value"
_PRECISION = 2**53


def is_flat(args: dict[str, Any]) -> bool:
    """True if the object has only text keys and JSON scalars."""
    return PLAIN.issuperset(map(type, args.values())) and set(map(type, args)) <= {str}


def is_wide(number: Any) -> bool:
    """True for an integer that a float may not represent exactly."""
    return type(number) is int and not -_PRECISION <= number <= _PRECISION


def alike(one: Any, other: Any) -> bool:
    """Fast check that two JSON-like values are equal; False asks for a closer check."""
    try:
        # Format version 2 has no references, so equal values give equal bytes. marshal refuses subclasses and foreign
        # types.
        return marshal.dumps(one, 2) == marshal.dumps(other, 2)
    except ValueError:
        return False


def holds(text: str, value: Any) -> bool:
    """Fast check that the JSON text holds exactly that value."""
    return alike(value, json.loads(text))


def storage_fault(kept: Any, back: Any, where: str) -> str | None:
    """Describe how ``back`` (the handler's value) differs from ``kept``; None if equal."""
    if kept is back:
        return None
    if isinstance(kept, float) and not math.isfinite(kept):
        return f"{where} is {kept}, which JSON cannot hold"
    if type(kept) is not type(back):
        return f"{where} is {kind_of(kept)}, which JSON cannot hold: it would arrive as {kind_of(back)}"
    return _difference(kept, back, where)


def _difference(kept: Any, back: Any, where: str) -> str | None:
    match kept:
        case datetime() | time():
            return _moment_fault(kept, back, where)
        case dict() | list() | tuple():
            return first_fault(kept, back, where, storage_fault)
        case set() | frozenset():
            same = kept == back
        case _ if has_parts(kept):
            return first_fault(parts_of(kept), parts_of(back), where, storage_fault) or _private_fault(
                kept, back, where
            )
        case _:
            same = repr(kept) == repr(back) and (kept == back or isinstance(kept, float))
    return None if same else f"{where} is {kind_of(kept)} that {CHANGED}"


def has_parts(value: Any) -> bool:
    """True for an instance of a data class or a model."""
    return (is_dataclass(value) and not isinstance(value, type)) or hasattr(value, "model_fields_set")


def parts_of(value: Any) -> dict[str, Any]:
    """The attributes of such an object, including slots and undeclared (extra) fields."""
    declared = fields(value) if is_dataclass(value) else ()
    slots = {each.name: getattr(value, each.name) for each in declared if hasattr(value, each.name)}
    return {**slots, **getattr(value, "__dict__", {}), **(getattr(value, "__pydantic_extra__", None) or {})}


def _private_fault(kept: Any, back: Any, where: str) -> str | None:
    """Name a plain value in a model's private attribute: it is not stored and would be lost."""
    mine, other = (getattr(each, "__pydantic_private__", None) or {} for each in (kept, back))
    lost = (name for name, value in mine.items() if type(value) in PLAIN and value != other.get(name))
    return next((f"{where}.{name} is private, and {CHANGED}" for name in lost), None)


def first_fault(one: Any, other: Any, where: str, compare: Any) -> str | None:
    """Return the first fault among the parts of two values of one type."""
    if isinstance(one, dict) and list(map(_named, one)) != list(map(_named, other)):
        return _keys_fault(one, where)
    if not isinstance(one, (dict, list, tuple)):
        return None
    if len(one) != len(other):
        return f"{where} has {len(one)} items and would arrive with {len(other)}"
    pairs = zip(items_of(one, where), items_of(other, where), strict=True)
    faults = (compare(item, twin, at) for (at, item), (_, twin) in pairs)
    return next((fault for fault in faults if fault is not None), None)


def _keys_fault(one: dict[Any, Any], where: str) -> str:
    strange = next((key for key in one if type(key) is not str), None)
    if strange is not None:
        return f"{where} has a key that is {kind_of(strange)}; JSON keys are text"
    return f"{where} has other keys than it would arrive with"


def _named(key: Any) -> tuple[str, Any]:
    return type(key).__name__, key


def items_of(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        return ((f"{where}.{key!s:.80}" if isinstance(key, str) else where, item) for key, item in value.items())
    return ((f"{where}[{index}]", item) for index, item in enumerate(value))


def _moment_fault(kept: Any, back: Any, where: str) -> str | None:
    if kept.tzinfo is not None and type(kept.tzinfo) not in {timezone, TzInfo}:
        return f"{where} is in the zone {kept.tzinfo!s:.80}, which is not kept: give it with its offset, such as in UTC"
    same = kept == back and kept.fold == back.fold and kept.utcoffset() == back.utcoffset()
    return None if same else f"{where} is {kind_of(kept)} that {CHANGED}"


def kind_of(value: Any) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
