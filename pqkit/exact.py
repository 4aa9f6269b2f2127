"""Exact or refused: whether a value comes back from its stored JSON as what it was given as, by type and by repr.

An annotation may ask for another type than the one given. Then the value must survive that, as 5 does for a float.
"""

import json
import marshal
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import datetime, time, timezone
from typing import Any

from pydantic_core import TzInfo

PLAIN = frozenset({str, int, float, bool, type(None)})
"""The types of the values that JSON has beside objects and arrays."""
NUMBERS = frozenset({int, float, bool})
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
    written so. A number stays the same number: 5 may become 5.0, and True does not become 1.
    """
    if given is taken:
        return None
    if type(given) is type(taken):
        return _first(given, taken, where, conversion_fault)
    if type(given) in NUMBERS:
        return None if _is_same_number(given, taken) else _changed(given, taken, where)
    return _form_fault(given, taken, where)


def _form_fault(given: Any, taken: Any, where: str) -> str | None:
    """The same of an array or an object that was made into something else."""
    if type(given) is list and isinstance(taken, (tuple, deque)) and len(given) == len(taken):
        return _first(given, list(taken), where, conversion_fault)
    if type(given) is dict and (parts := getattr(taken, "__dict__", None)) is not None:
        known = [name for name in given if name in parts]
        return next(filter(None, (conversion_fault(given[n], parts[n], f"{where}.{n}") for n in known)), None)
    return None if type(given) in {str, list, dict, type(None)} else _changed(given, taken, where)


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
            return _first(kept, back, where, storage_fault)
        case set() | frozenset():
            same = kept == back
        case _ if is_dataclass(kept) or hasattr(kept, "model_fields_set"):
            return _first(dict(vars(kept)), dict(vars(back)), where, storage_fault)
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


def _first(one: Any, other: Any, where: str, compare: Any) -> str | None:
    """The first fault among the parts of two values of one type."""
    if type(one) is dict and list(map(_named, one)) != list(map(_named, other)):
        return _keys_fault(one, where)
    if not isinstance(one, (dict, list, tuple)):
        return None
    if len(one) != len(other):
        return f"{where} has {len(one)} items and would arrive with {len(other)}"
    pairs = zip(_items(one, where), _items(other, where), strict=True)
    faults = (compare(item, twin, at) for (at, item), (_, twin) in pairs)
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
    return type(given) is not bool and type(taken) is not int and type(taken) is not bool and bool(taken == given)


def _moment_fault(kept: Any, back: Any, where: str) -> str | None:
    if kept.tzinfo is not None and type(kept.tzinfo) not in {timezone, type(back.tzinfo)}:
        return f"{where} is in the zone {kept.tzinfo!s:.80}, which is not kept: give it with its offset, such as in UTC"
    same = kept == back and kept.fold == back.fold and kept.utcoffset() == back.utcoffset()
    return None if same else f"{where} is {_kind(kept)} that {CHANGED}"


def _kind(value: Any) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
