"""Parsers for command input: ages, moments, arguments and shared options."""

import inspect
import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from pqkit.domain.durations import SECOND
from pqkit.domain.payload import read_json
from pqkit.domain.states import JobState
from pqkit.errors import PqkitError

R = TypeVar("R")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
MAX_SECONDS = 100 * 365 * 86_400


class BadInput(PqkitError, ValueError):
    """Raised when an argument of a command makes no sense."""


def seconds(text: str) -> float:
    """``30``, ``30s``, ``5m``, ``2h``, ``7d`` or ``1w`` in seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", text.strip())
    if found is None or (number := float(found[1]) * UNITS[found[2]]) > MAX_SECONDS:
        raise typer.BadParameter(f"{text!r} is not a length of time such as 30s, 5m, 2h or 7d")
    return number


def with_unit(text: str) -> float:
    """``seconds`` for commands that delete: a unit is required.

    A bare number would mean seconds, and delete nearly everything.
    """
    if text.strip().replace(".", "", 1).isdecimal():
        raise typer.BadParameter(f"{text!r} needs its unit, such as {text}d")
    return seconds(text)


def folder(text: str) -> Path:
    """A folder's name, which must not be blank.

    A blank name, such as of a variable that is not set, would mean the working folder.
    """
    if not text.strip():
        raise typer.BadParameter("the name of the folder is blank")
    return Path(text)


def moment(text: str) -> datetime:
    """An ISO 8601 date and time with its offset, such as ``2030-01-31T08:00+01:00``."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time such as 2030-01-31T08:00+01:00") from None
    if found.tzinfo is None:
        raise typer.BadParameter(f"{text!r} needs its offset from UTC, such as {text}Z or {text}+01:00")
    return found


def until(text: str) -> int:
    """A moment or a length of time from now, as microseconds UTC."""
    return _at(text, 1)


def back_to(text: str) -> int:
    """A moment or a length of time before now, as microseconds UTC."""
    return _at(text, -1)


def _at(text: str, direction: int) -> int:
    if text[:1].isdigit() and "-" not in text:
        return round((time.time() + direction * seconds(text)) * SECOND)
    return round(moment(text).timestamp() * SECOND)


def arguments(pairs: list[str], text: str | None) -> dict[str, Any]:
    """A job's arguments from ``name=value`` pairs or from one JSON object.

    A value is JSON if it parses, otherwise text.
    """
    if pairs and text is not None:
        raise BadInput("give --arg or --args, not both")
    if text is not None:
        return json_object(text, "--args")
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise BadInput(f"--arg takes name=value, not {pair!r}")
        if name in found:
            raise BadInput(f"--arg {name} is given twice")
        found[name] = _value(value, name)
    return found


def json_object(text: str, where: str) -> dict[str, Any]:
    value = _read(text, where)
    if not isinstance(value, dict):
        raise BadInput(f'{where} must be a JSON object such as {{"path": "a.png"}}')
    return value


def _value(text: str, name: str) -> Any:
    """A value as JSON if it parses, otherwise as text.

    JSON that cannot be represented, such as a huge number, raises BadInput.
    """
    try:
        return read_json(text)
    except json.JSONDecodeError:
        return text
    except ValueError as error:
        raise BadInput(f"--arg {name} cannot be read: {_why(error)}") from None


def _read(text: str, where: str) -> Any:
    try:
        return read_json(text)
    except ValueError as error:
        raise BadInput(f"{where} is not JSON that can be read: {_why(error)}") from None


def _why(error: Exception) -> str:
    return str(error).partition(";")[0]


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not preview and ask.")]
Reason = Annotated[str | None, typer.Option(help="Reason; it goes on record with your name.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="All jobs, instead of a filter.")]
Queue = Annotated[str | None, typer.Option(help="Only jobs of this queue.", show_default=False)]
State = typer.Option(
    "--state", metavar="STATE", help=f"Only jobs in this state ({', '.join(JobState)}); repeatable.", show_default=False
)


def with_options(make: Callable[..., Any]) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Give a command the options of ``make``; the command gets its result as first parameter."""

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        options = dict(inspect.signature(make).parameters)
        chosen, *own = inspect.signature(command).parameters.values()
        parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own, *options.values())]

        @wraps(command)
        def wrapped(**given: Any) -> R:
            return command(**given | {chosen.name: make(**{name: given.pop(name) for name in options})})

        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # Typer reads it there
        hints = get_type_hints(make, include_extras=True) | get_type_hints(command, include_extras=True)
        wrapped.__annotations__ = {parameter.name: hints[parameter.name] for parameter in parameters}
        return wrapped

    return decorate
