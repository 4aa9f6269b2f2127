"""Validation of the field values and event details that a page sends.

A browser with our page sends only valid ones. An invalid one is dropped before it reaches code that it could break.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from bokeh.model import Model

STARTS = {"pathname": ("/",), "search": ("", "?"), "hash": ("", "#")}
"""Allowed beginnings of the parts of an address. An empty string here means that the part may be empty."""
BUTTONS = {"click", "enter"}
"""The nodes of our own components that send DOM events."""
LONGEST = 10_000
"""Maximum number of ticked rows; a table shows 50."""


def fits(model: Model, name: str, value: Any) -> bool:
    """True if the property accepts the value: its type, options and bounds."""
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
    """True if the event has the values that the server reads; ``values`` may name its model."""
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
    """True for our own components: a library's menus would take the data for a search."""
    return "options" not in getattr(model, "data", model).properties()


def _is_cell(table: Any, row: Any, column: Any) -> bool:
    data = getattr(getattr(table, "source", None), "data", None)
    if not isinstance(data, dict) or not isinstance(column, str) or column not in data:
        return False
    return _is_row(row, len(data[column]))


def _begins(text: str, starts: Iterable[str]) -> bool:
    return any(text.startswith(start) if start else not text for start in starts)


def _places(model: Any) -> int:
    """The number of choices: options, or the panels of tabs."""
    choices: Any = getattr(model, "options", None) or getattr(model, "objects", ())
    return len(choices)


def _is_offered(model: Any, value: Any) -> bool:
    if "options" not in model.properties():
        return True
    known = list(_known(model.options))
    return all(each in known for each in _each(value))


def _known(options: Any) -> Iterator[Any]:
    """The values to choose from, given as a list, as a map by label, or in groups."""
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
