"""Checks an annotation's conversion of a value: it may change the form, not the value.

Text may stand for any value that the annotation parses from it, an array or an object for collections and models. A
number stays the same number: 5 may become 5.0, and True does not become 1. Nothing is left out.
"""

from collections import deque
from collections.abc import Iterator
from datetime import datetime, time, timezone
from decimal import Decimal
from typing import Any

from pydantic import AliasPath
from pydantic_core import TzInfo

from pqkit.domain.exact_json import NUMBERS, first_fault, has_parts, items_of, kind_of, parts_of

_DEEPEST = 100
_READS_ANY_SHAPE = {"before", "wrap"}


def refusal(value: Any, where: str, depth: int = 0) -> str | None:
    """Refuse values that reading would change: an iterator, or a buffer in place of bytes.

    Returns the fault in one line, or None.
    """
    if isinstance(value, Iterator):
        return f"{where} is an iterator, which JSON cannot hold: make a list of it"
    if isinstance(value, (bytearray, memoryview)):
        return f"{where} is {kind_of(value)}, which JSON cannot hold: make bytes of it"
    if depth > _DEEPEST or not isinstance(value, (dict, list, tuple, set, frozenset)):
        return None
    return next(filter(None, (refusal(item, at, depth + 1) for at, item in items_of(value, where))), None)


def conversion_fault(given: Any, taken: Any, where: str) -> str | None:
    """Describe how an annotation changed the value of ``given``; None if only its form changed."""
    if given is taken:
        return None
    if isinstance(taken, (set, frozenset)) and type(given) in {list, type(taken)}:
        return _set_fault(given, taken, where)
    if isinstance(given, dict) and isinstance(taken, dict):
        return _mapping_fault(given, taken, where)
    if type(given) is type(taken):
        one, other = (list(each) if isinstance(each, deque) else each for each in (given, taken))
        return first_fault(one, other, where, conversion_fault)
    if type(given) in NUMBERS:
        return None if _is_same_number(given, taken) else _changed(given, taken, where)
    return _form_fault(given, taken, where)


def _form_fault(given: Any, taken: Any, where: str) -> str | None:
    """The same check for an array or an object that became another type."""
    if type(given) is dict and (hasattr(taken, "_asdict") or has_parts(taken)):
        return _object_fault(given, taken, where)
    if type(given) is list and hasattr(taken, "_asdict"):
        return first_fault(given, list(taken)[: len(given)], where, conversion_fault)  # the other fields have defaults
    if type(given) is list and isinstance(taken, (tuple, deque)):
        return first_fault(given, list(taken), where, conversion_fault)
    return None if type(given) in {str, list, dict, type(None)} else _changed(given, taken, where)


def _mapping_fault(given: dict[Any, Any], taken: dict[Any, Any], where: str) -> str | None:
    """Compare two mappings: a text key may stand for its converted form; keys keep their order."""
    if len(given) != len(taken):
        return _count_fault(given, taken, where)
    there = {key: key for key in taken}
    twins = [(key, there.get(key, other)) for key, other in zip(given, taken, strict=True)]
    faults = (conversion_fault(key, twin, f"{where} (a key)") for key, twin in twins)
    values = (conversion_fault(given[key], taken[twin], f"{where}.{key!s:.80}") for key, twin in twins)
    return next(filter(None, (*faults, *values)), None)


def _count_fault(given: Any, taken: Any, where: str) -> str:
    return f"{where} has {len(given)} items and would arrive with {len(taken)}"


def _object_fault(given: dict[Any, Any], taken: Any, where: str) -> str | None:
    parts: dict[str, Any] = taken._asdict() if hasattr(taken, "_asdict") else parts_of(taken)
    names = _names_of(type(taken))
    faults = (_part_fault(item, names.get(name, name), parts, f"{where}.{name}") for name, item in given.items())
    fault = next(filter(None, faults), None)
    return fault or (_loss(given, taken, {*parts, *names}, where) if _forgets(type(taken)) else None)


def _part_fault(given: Any, name: str | None, parts: dict[str, Any], where: str) -> str | None:
    return conversion_fault(given, parts[name], where) if name in parts else None


def _loss(given: dict[Any, Any], taken: Any, known: set[str], where: str) -> str | None:
    lost = next((name for name in given if name not in known), None)
    return None if lost is None else f"{where}.{lost!s:.80} is no field of {type(taken).__name__}, and would be lost"


def _forgets(kind: Any) -> bool:
    """True if a model drops unknown fields and reads only its own fields."""
    settings = getattr(kind, "model_config", {"extra": "forbid"})
    if settings.get("extra", "ignore") != "ignore":
        return False
    validators = kind.__pydantic_decorators__.model_validators.values()
    return all(each.info.mode not in _READS_ANY_SHAPE for each in validators)


def _names_of(kind: Any) -> dict[str, str | None]:
    """A model's fields by alias; None where an alias leads into the value."""
    declared = getattr(kind, "__pydantic_fields__", {}).items()
    return {alias: name for field, info in declared for alias, name in _aliases(field, info)}


def _aliases(field: str, info: Any) -> Iterator[tuple[str, str | None]]:
    said = info.validation_alias or info.alias
    for alias in getattr(said, "choices", [said]):
        if isinstance(alias, str):
            yield alias, field
        elif isinstance(alias, AliasPath):
            yield str(alias.path[0]), None


def _set_fault(given: Any, taken: Any, where: str) -> str | None:
    if len(given) != len(taken):
        return _count_fault(given, taken, where)
    twins = {item: item for item in taken}
    faults = (conversion_fault(item, _twin(item, twins), at) for at, item in items_of(given, where))
    return next(filter(None, faults), None)


def _twin(item: Any, twins: dict[Any, Any]) -> Any:
    """Find a set item after conversion: an equal item, or else, unless it is a number, itself."""
    if type(item) in NUMBERS:
        return twins.get(item)
    try:
        return twins.get(tuple(item) if type(item) is list else item, item)
    except TypeError:
        return item


def _changed(given: Any, taken: Any, where: str) -> str:
    return f"{where} is {kind_of(given)} and would become {kind_of(taken)}"


def _is_same_number(given: Any, taken: Any) -> bool:
    taken = getattr(taken, "value", taken)
    if type(taken) is type(given):
        return bool(taken == given)
    if type(given) is float and isinstance(taken, Decimal):  # a reader chooses its own number of digits
        return False
    return type(given) is not bool and type(taken) is not int and type(taken) is not bool and bool(taken == given)


def with_standard_zones(value: Any, *, own: bool = False) -> Any:
    """Replace the validator's own time zone class by Python's ``timezone`` in all moments.

    ``own`` says that no other code holds the objects in ``value``, so they may be changed.
    """
    match value:
        case datetime() | time() if type(value.tzinfo) is TzInfo:
            offset = value.utcoffset()
            return value if offset is None else value.replace(tzinfo=timezone(offset))
        case dict() if type(value) is dict:
            return {_zoned(key, own): _zoned(item, own) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if type(value) in {list, tuple, set, frozenset}:
            return type(value)(_zoned(item, own) for item in value)
        case tuple() if hasattr(value, "_make"):
            return value._make(_zoned(item, own) for item in value)
        case _ if own and has_parts(value):
            for name, item in parts_of(value).items():
                if (zoned := _zoned(item, own)) is not item:
                    object.__setattr__(value, name, zoned)
    return value


def _zoned(value: Any, own: bool) -> Any:
    return with_standard_zones(value, own=own)
