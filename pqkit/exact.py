"""Exact or refused: whether a value comes back from its stored JSON as what it was given as, by type and by repr.

An annotation may ask for another type than the one given. Then the value must survive that, as 5 does for a float.
"""

import json
import marshal
import math
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, time, timezone
from decimal import Decimal
from typing import Any

from pydantic_core import TzInfo

PLAIN = frozenset({str, int, float, bool, type(None)})
"""The types of the values that JSON has beside objects and arrays."""
NUMBERS = frozenset({int, float, bool})
WRITTEN = frozenset({str, list, dict, type(None)})
"""The types that stand for others in JSON."""
ARRAYS = (list, tuple, deque, set, frozenset)
CHANGED = "would arrive as another value"
_PRECISION = 2**53


def is_flat(args: dict[str, Any]) -> bool:
    """Whether an object holds nothing but plain values under names, as JSON has them."""
    return PLAIN.issuperset(map(type, args.values())) and set(map(type, args)) <= {str}


def is_wide(number: Any) -> bool:
    """Whether it is an integer that a float may not hold."""
    return type(number) is int and not -_PRECISION <= number <= _PRECISION


def alike(one: Any, other: Any) -> bool:
    """Whether both are the same plain values, objects and arrays, at a glance; False asks for a closer look."""
    try:
        # The form without references: it is equal for equal values. It has no subclasses and no foreign types.
        return marshal.dumps(one, 2) == marshal.dumps(other, 2)
    except ValueError:
        return False


def holds(text: str, value: Any) -> bool:
    """Whether JSON holds that value and nothing else, at a glance."""
    return alike(value, json.loads(text))


def find_iterator(value: Any, where: str, depth: int = 0) -> str | None:
    """The path of something that is used up by being read, such as a generator; None where there is none."""
    if isinstance(value, Iterator):
        return where
    if depth > 100 or not isinstance(value, (dict, list, tuple, set, frozenset)):
        return None
    found = (find_iterator(item, at, depth + 1) for at, item in _items(value, where))
    return next((at for at in found if at is not None), None)


def conversion_fault(given: Any, taken: Any, where: str) -> str | None:
    """One line where an annotation has made another value of ``given``; None where it only has another form.

    Text stands for whatever the annotation reads in it, an array or an object for the collections and models that are
    written so. A number stays the same number: 5 may become 5.0, and neither 5.0 becomes 5 nor True 1.
    """
    if given is taken:
        return None
    if type(given) is not type(taken):
        if type(given) in NUMBERS:
            return None if _is_same_number(given, taken) else _changed(given, taken, where)
        if type(given) not in WRITTEN:
            return _changed(given, taken, where)
    if isinstance(given, Mapping):
        return _object_fault(given, taken, where)
    return _array_fault(given, taken, where) if isinstance(given, ARRAYS) and isinstance(taken, ARRAYS) else None


def _object_fault(given: Mapping[Any, Any], taken: Any, where: str) -> str | None:
    if not isinstance(taken, Mapping):
        known = _fields(taken)
        return _any_fault((item, known[name], f"{where}.{name}") for name, item in given.items() if name in known)
    if len(given) != len(taken):
        return _count_fault(given, taken, where)
    there = {key: key for key in taken}
    keys = [(key, there.get(key, other)) for key, other in zip(given, taken, strict=True)]
    return _any_fault((key, twin, f"{where} (a key)") for key, twin in keys) or _any_fault(
        (given[key], taken[twin], f"{where}.{key!s:.80}") for key, twin in keys
    )


def _array_fault(given: Any, taken: Any, where: str) -> str | None:
    if len(given) != len(taken):
        return _count_fault(given, taken, where)
    if isinstance(taken, (set, frozenset)):
        there = {item: item for item in taken}
        # Text may stand for an item that does not look like it; a number is there as it is, or was changed.
        seen = ((item, _twin(item, there)) for item in given)
        return _any_fault((item, twin, f"{where} (an item)") for item, twin in seen)
    pairs = enumerate(zip(given, taken, strict=True))
    return _any_fault((item, twin, f"{where}[{index}]") for index, (item, twin) in pairs)


def _twin(item: Any, there: dict[Any, Any]) -> Any:
    if type(item) in NUMBERS:
        return there.get(item)
    return there.get(item, item) if isinstance(item, Hashable) else item


def _any_fault(pairs: Iterable[tuple[Any, Any, str]]) -> str | None:
    return next(filter(None, (conversion_fault(*each) for each in pairs)), None)


def _fields(value: Any) -> dict[str, Any]:
    """The parts of a model, a data class or a named tuple, by the names under which it reads them."""
    if isinstance(value, tuple):
        return dict(zip(getattr(value, "_fields", ()), value, strict=False))
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    declared = getattr(type(value), "model_fields", {})
    named = {known.alias: getattr(value, name) for name, known in declared.items() if known.alias is not None}
    extra = getattr(value, "__pydantic_extra__", None) or {}
    return {name: getattr(value, name) for name in declared} | named | extra


def _count_fault(given: Any, taken: Any, where: str) -> str:
    return f"{where} has {len(given)} items and would arrive with {len(taken)}"


def _changed(given: Any, taken: Any, where: str) -> str:
    return f"{where} is {_kind(given)} and would become {_kind(taken)}"


def storage_fault(kept: Any, back: Any, where: str) -> str | None:
    """One line where ``back``, which the handler would get, is another value than ``kept``; None where it is not."""
    if kept is back:
        return None
    if isinstance(kept, float) and not math.isfinite(kept):
        return f"{where} is {kept}, which JSON cannot hold"
    if type(kept) is not type(back):
        return f"{where} is {_kind(kept)}, which JSON cannot hold: it would arrive as {_kind(back)}"
    return _difference(kept, back, where)


def _difference(kept: Any, back: Any, where: str) -> str | None:
    match kept:
        case datetime() | time():
            return _moment_fault(kept, back, where)
        case dict() | list() | tuple():
            return _first(kept, back, where)
        case set() | frozenset():
            same = kept == back
        case _ if is_dataclass(kept) or hasattr(kept, "model_fields_set"):
            return _first(_fields(kept), _fields(back), where)
        case _:
            same = repr(kept) == repr(back) and (kept == back or isinstance(kept, float))
    return None if same else f"{where} is {_kind(kept)} that {CHANGED}"


def with_standard_zones(value: Any) -> Any:
    """Moments as Python itself makes them: the validator has a class of its own for their offsets."""
    match value:
        case datetime() | time() if type(value.tzinfo) is TzInfo:
            offset = value.utcoffset()
            return value if offset is None else value.replace(tzinfo=timezone(offset))
        case dict() if type(value) is dict:
            return {key: with_standard_zones(item) for key, item in value.items()}
        case list() | tuple() if type(value) in {list, tuple}:
            return type(value)(map(with_standard_zones, value))
    return value


def _first(one: Any, other: Any, where: str) -> str | None:
    """The first fault among the parts of two values of one type."""
    if type(one) is dict and list(map(_named, one)) != list(map(_named, other)):
        return _keys_fault(one, where)
    if not isinstance(one, (dict, list, tuple)):
        return None
    if len(one) != len(other):
        return _count_fault(one, other, where)
    pairs = zip(_items(one, where), _items(other, where), strict=True)
    faults = (storage_fault(item, twin, at) for (at, item), (_, twin) in pairs)
    return next((fault for fault in faults if fault is not None), None)


def _keys_fault(one: dict[Any, Any], where: str) -> str:
    strange = next((key for key in one if type(key) is not str), None)
    if strange is not None:
        return f"{where} has a key that is {_kind(strange)}; JSON keys are text"
    return f"{where} has other keys than it would arrive with"


def _named(key: Any) -> tuple[str, Any]:
    return type(key).__name__, key


def _items(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        return ((f"{where}.{key!s:.80}" if isinstance(key, str) else where, item) for key, item in value.items())
    return ((f"{where}[{index}]", item) for index, item in enumerate(value))


def _is_same_number(given: Any, taken: Any) -> bool:
    taken = getattr(taken, "value", taken)
    if type(taken) is type(given):
        return bool(taken == given)
    if type(given) is float and isinstance(taken, Decimal):  # with as many digits as whoever reads it pleases
        return False
    return type(given) is not bool and type(taken) is not int and type(taken) is not bool and bool(taken == given)


def _moment_fault(kept: Any, back: Any, where: str) -> str | None:
    if kept.tzinfo is not None and type(kept.tzinfo) not in {timezone, type(back.tzinfo)}:
        return f"{where} is in the zone {kept.tzinfo!s:.80}, which is not kept: give it with its offset, such as in UTC"
    same = kept == back and kept.fold == back.fold and kept.utcoffset() == back.utcoffset()
    return None if same else f"{where} is {_kind(kept)} that {CHANGED}"


def _kind(value: Any) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
