"""What a page may say to the server: that a field has another value, and that something was pressed. All else that
Bokeh's protocol knows would let a person put models, markup and scripts into a document."""

from collections.abc import Iterator
from typing import Any

from bokeh.core.types import ID
from bokeh.document import Document
from bokeh.model import DataModel
from bokeh.protocol.exceptions import ProtocolError

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
"""What may be set by the kind of a model."""
PARTS = {"active", "clicks", "dark_theme", "dropdown_open", "value", "value_input"}
"""What may be set of the parts that a page is made of, by the model that holds their values."""
SHOWN = "visible"
"""A place that the page itself has put away or taken out (see ``SWAP``)."""
EVENTS = {"document_ready", "dom_event", "data_event", "cell-click", "selection-change"}
PLAIN = (str, int, float, bool, type(None))
DEEPEST = 12


class Unwanted(ProtocolError):
    """A message that no page of ours sends."""


def keep_wanted(kind: str, content: Any, document: Document) -> None:
    """Leave in the content of a message what a page may say. Raises Unwanted where it tries to build something.

    A page of ours also tells of changes that the server has no use for, such as a style sheet that the browser has
    made; those are left out without a word.
    """
    if kind == "PULL-DOC-REQ":
        return
    if kind != "PATCH-DOC" or not isinstance(content, dict) or not isinstance(content.get("events"), list):
        raise Unwanted(f"{kind} is not taken")
    content["events"] = [event for each in content["events"] for event in _wanted(each, document)]


def _wanted(event: Any, document: Document) -> Iterator[dict[str, Any]]:
    match event:
        case {"kind": "ModelChanged", "model": about, "attr": str() as name, "new": new}:
            model = _known(about, document)
            if model is not None and _may_set(model, name) and _is_plain(new):
                yield {"kind": "ModelChanged", "model": {"id": model.id}, "attr": name, "new": new}
        case {
            "kind": "MessageSent",
            "msg_type": "bokeh_event",
            "msg_data": {"type": "event", "name": str() as name} as said,
        }:
            values = _values(said.get("values"), document) if name in EVENTS else None
            if values is not None:
                data = {"type": "event", "name": name, "values": {"type": "map", "entries": values}}
                yield {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}
        case _:
            raise Unwanted("this change of the document is not taken")


def _known(about: Any, document: Document) -> Any:
    """The model of the document that is meant. The browser may send a model along with its id; that is not read."""
    name = about.get("id") if isinstance(about, dict) else None
    return document.models.get_by_id(ID(name)) if isinstance(name, str) else None


def _may_set(model: Any, name: str) -> bool:
    kind = type(model).__name__
    if name == SHOWN and kind == "Column":
        return True
    return name in FIELDS.get(kind, PARTS if isinstance(model, DataModel) else ())


def _values(values: Any, document: Document) -> list[list[Any]] | None:
    """An event's values: the model that it is about, and plain ones; None where there are others."""
    entries = values.get("entries", []) if isinstance(values, dict) else []
    kept: list[list[Any]] = []
    for name, value in entries:
        model = _known(value, document) if name == "model" else None
        if model is None and not (isinstance(name, str) and _is_plain(value)):
            return None
        kept.append([name, value if model is None else {"id": model.id}])
    return kept


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether it is numbers, words, and lists and maps of such."""
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
