"""Which values a page may give its fields, and which details an event may have. A person's browser sends no others, so
one that does not fit is left out, and never reaches code that would stumble over it."""

from collections.abc import Iterable, Iterator
from typing import Any

from bokeh.model import Model

STARTS = {"pathname": ("/",), "search": ("", "?"), "hash": ("", "#")}
"""How the parts of an address begin. An empty word here means that the part may be empty."""
BUTTONS = {"click", "enter"}
"""What a part says of itself."""
LONGEST = 10_000
"""Ticked rows at most; a table shows 50."""


def fits(model: Model, name: str, value: Any) -> bool:
    """Whether that property can have that value: of its type, one of the options, within the bounds."""
    if not model.lookup(name).property.is_valid(value):
        return False
    if name in STARTS:
        return _begins(value, STARTS[name])
    if name == "indices":
        return _are_rows(value, LONGEST)
    if name == "active":
        return value is None or all(_is_row(each, _places(model)) for each in _each(value))
    if name == "clicks":
        return type(value) is int and value >= 0
    return name != "value" or (_is_offered(model, value) and _is_within(model, value))


def event_fits(name: str, values: dict[str, Any]) -> bool:
    """Whether an event of that name has what the server reads of it. ``values`` name the model, where it has one."""
    model = values.get("model")
    match name:
        case "document_ready":
            return model is None
        case "dom_event":
            return values.get("node") in BUTTONS
        case "data_event":
            return model is not None and _takes_data(model)
        case "cell-click":
            return _is_cell(model, values.get("row"), values.get("column"))
        case "selection-change":
            return _are_rows(values.get("indices"), LONGEST)
    return False


def _takes_data(model: Any) -> bool:
    """Only parts of our own listen to that; a library's menus would take it for a search."""
    return "options" not in getattr(model, "data", model).properties()


def _is_cell(table: Any, row: Any, column: Any) -> bool:
    data = getattr(getattr(table, "source", None), "data", None)
    if not isinstance(data, dict) or not isinstance(column, str) or column not in data:
        return False
    return _is_row(row, len(data[column]))


def _begins(text: str, starts: Iterable[str]) -> bool:
    return any(text.startswith(start) if start else not text for start in starts)


def _places(model: Any) -> int:
    """How many there are to choose from: options, or the parts below each other of tabs."""
    choices: Any = getattr(model, "options", None) or getattr(model, "objects", ())
    return len(choices)


def _is_offered(model: Any, value: Any) -> bool:
    if "options" not in model.properties():
        return True
    known = list(_known(model.options))
    return all(each in known for each in _each(value))


def _known(options: Any) -> Iterator[Any]:
    """The values to choose from, as a list, as a map by their labels, or in groups."""
    for each in options.values() if isinstance(options, dict) else options or ():
        if isinstance(each, dict | list | tuple):
            yield from _known(each)
        else:
            yield each


def _is_within(model: Any, value: Any) -> bool:
    low, high = getattr(model, "start", None), getattr(model, "end", None)
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return True
    return all(isinstance(each, int | float) and low <= each <= high for each in _each(value))


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _are_rows(value: Any, most: int) -> bool:
    return isinstance(value, list) and len(value) <= most and all(_is_row(each, most) for each in value)


def _is_row(value: Any, count: int) -> bool:
    return type(value) is int and 0 <= value < count
