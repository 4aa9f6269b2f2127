"""Filter for messages from a page: only changed field values and button presses pass.

The rest of Bokeh's protocol would let a client put models, markup and scripts into a document.
"""

from collections.abc import Iterator
from typing import Any

from bokeh.core.types import ID
from bokeh.document import Document
from bokeh.model import DataModel
from bokeh.protocol.exceptions import ProtocolError

from .field_values import event_fits, fits

FIELDS = {
    "Selection": {"indices"},
    "Location": {"href", "pathname", "search", "hash"},
    "BrowserInfo": {
        "dark_mode",
        "device_pixel_ratio",
        "language",
        "timezone",
        "timezone_offset",
        "webdriver",
        "webgl",
    },
}
"""The settable properties for each kind of model."""
PARTS = {"active", "clicks", "dark_theme", "dropdown_open", "value", "value_input"}
"""The settable properties of the page's components, on the model that holds their values."""
SHOWN = "visible"
"""The property of a place that the page itself hides or shows (see ``SWAP``)."""
EVENTS = {"document_ready", "dom_event", "data_event", "cell-click", "selection-change"}
PLAIN = (str, int, float, bool, type(None))
DEEPEST = 12


class Unwanted(ProtocolError):
    """A message that our pages never send."""


def keep_wanted(kind: str, content: Any, document: Document) -> int:
    """Drop from a message all that a page may not send. Raises Unwanted if it builds models.

    Our pages also send changes that the server does not need, such as a style sheet that the browser made; those are
    dropped silently. Returns the number of events dropped because their value does not fit the field.
    """
    if kind == "PULL-DOC-REQ":
        return 0
    if kind != "PATCH-DOC" or not isinstance(content, dict) or not isinstance(content.get("events"), list):
        raise Unwanted(f"{kind} is not taken")
    wanted = [event for each in content["events"] for event in _wanted(each, document)]
    content["events"] = [event for event in wanted if event is not None]
    return len(wanted) - len(content["events"])


def _wanted(event: Any, document: Document) -> Iterator[dict[str, Any] | None]:
    """The accepted part of an event; None for a value that does not fit."""
    match event:
        case {"kind": "ModelChanged", "model": about, "attr": str() as name, "new": new}:
            model = _known(about, document)
            if model is not None and _may_set(model, name):
                fit = _is_simple(new) and fits(model, name, new)
                yield {"kind": "ModelChanged", "model": {"id": model.id}, "attr": name, "new": new} if fit else None
        case {
            "kind": "MessageSent",
            "msg_type": "bokeh_event",
            "msg_data": {"type": "event", "name": str() as name} as said,
        }:
            values = _values(said.get("values"), document) if name in EVENTS else None
            if values is not None and event_fits(name, values):
                entries = [[key, {"id": it.id} if key == "model" else it] for key, it in values.items()]
                data = {"type": "event", "name": name, "values": {"type": "map", "entries": entries}}
                yield {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}
            elif name in EVENTS:
                yield None
        case _:
            raise Unwanted("this change of the document is not taken")


def _known(about: Any, document: Document) -> Any:
    """The document's model with that id. Model contents that the browser sends are not read."""
    name = about.get("id") if isinstance(about, dict) else None
    return document.models.get_by_id(ID(name)) if isinstance(name, str) else None


def _may_set(model: Any, name: str) -> bool:
    kind = type(model).__name__
    if name == SHOWN and kind == "Column":
        return True
    return name in FIELDS.get(kind, PARTS if isinstance(model, DataModel) else ())


def _values(values: Any, document: Document) -> dict[str, Any] | None:
    """An event's values by name, with its model as ``model``; None if a value is not plain."""
    entries = values.get("entries", []) if isinstance(values, dict) else []
    kept: dict[str, Any] = {}
    for entry in entries if isinstance(entries, list) else ():
        match entry:
            case ["model", about] if (model := _known(about, document)) is not None:
                kept["model"] = model
            case [str() as name, value] if name != "model" and _is_plain(value):
                kept[name] = value
            case _:
                return None
    return kept


def _is_simple(value: Any) -> bool:
    """True for a number, a string or a list of them: our fields hold nothing else."""
    return isinstance(value, PLAIN) or (isinstance(value, list) and all(isinstance(each, PLAIN) for each in value))


def _is_plain(value: Any, depth: int = 0) -> bool:
    """True for numbers, strings, and lists and maps of them."""
    if isinstance(value, PLAIN):
        return True
    if depth > DEEPEST:
        return False
    if isinstance(value, list):
        return all(_is_plain(each, depth + 1) for each in value)
    match value:
        case {"type": "map", **rest} if rest.keys() <= {"entries"}:
            return _is_plain(rest.get("entries", []), depth + 1)
        case {"type": "number", "value": "nan" | "+inf" | "-inf"}:
            return True
    return False
