"""Recorded values: a notebook stores them in its outputs, and the run reads them back."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pqkit.domain.exact_json import alike, storage_fault
from pqkit.errors import PqkitError

MIME = "application/vnd.pqkit.record+json"


class NotJson(PqkitError, ValueError):
    """A value that JSON cannot hold."""


def record(name: str, value: Any) -> None:
    """Keep ``value`` under ``name`` with this run of the notebook.

    JSON must hold the value exactly; numpy's numbers are converted.
    Raises NotJson for a value that JSON would change, such as a tuple or a key that is not a string.
    """
    value = _plain(value)
    try:
        kept = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJson(f"record {name!r}: {error}") from None
    fault = None if alike(value, kept) else storage_fault(value, kept, name)
    if fault is not None:
        raise NotJson(f"record {name!r}: {fault}")
    from IPython.display import display  # noqa: PLC0415 - available wherever a notebook runs

    display({MIME: {name: kept}, "text/plain": f"{name} = {kept!r}"}, raw=True)


def recorded(cells: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The recorded values in these cells' outputs; the last value of a name counts."""
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return {name: value for output in outputs for name, value in output.get("data", {}).get(MIME, {}).items()}


def _plain(value: Any) -> Any:
    """Convert numpy's numbers to Python's."""
    if type(value) is dict:
        return {_plain(key): _plain(item) for key, item in value.items()}
    if type(value) in {list, tuple}:
        return type(value)(map(_plain, value))
    return value.item() if hasattr(value, "item") else value
