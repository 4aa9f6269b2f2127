"""Values that a notebook records, kept in its outputs, where whoever ran it finds them again."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pqkit.errors import PqkitError

MIME = "application/vnd.pqkit.record+json"


class NotJson(PqkitError, ValueError):
    """A value that JSON cannot hold."""


def record(name: str, value: Any) -> None:
    """Keep ``value``, which JSON can hold (numpy's numbers count), under ``name`` with this run of the notebook."""
    try:
        kept = json.loads(json.dumps(value, default=_plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise NotJson(f"record {name!r}: {error}") from None
    from IPython.display import display  # noqa: PLC0415 - there wherever a notebook runs

    display({MIME: {name: kept}, "text/plain": f"{name} = {kept!r}"}, raw=True)


def recorded(cells: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What the outputs of these cells hold; a later value replaces an earlier one of its name."""
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return {name: value for output in outputs for name, value in output.get("data", {}).get(MIME, {}).items()}


def _plain(value: Any) -> Any:
    if not hasattr(value, "item"):
        raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")
    return value.item()
