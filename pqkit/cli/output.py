"""Output of commands: dense tables, readable times, JSON for programs, confirmations."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pqkit.domain.durations import SECOND, duration, short_duration
from pqkit.domain.states import JobState
from pqkit.errors import Refused
from pqkit.log import escape, escape_lines, escape_unseen

STYLES: dict[JobState, str] = {
    JobState.SCHEDULED: "blue",
    JobState.RETRYING: "yellow",
    JobState.PENDING: "cyan",
    JobState.PROCESSING: "magenta",
    JobState.COMPLETED: "green",
    JobState.FAILED: "red",
    JobState.UNPROCESSABLE: "bold red",
    JobState.CANCELED: "dim",
}
PIPED_WIDTH = 240
NAME_WIDTH = 40
JSON_COLUMNS = {"args", "result", "backoff", "detail"}


def console(*, stderr: bool = False) -> Console:
    """A console that truncates nothing unless a terminal limits it, and ignores markup in data."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        stderr=stderr, width=None if stream.isatty() else PIPED_WIDTH, highlight=False, markup=False, emoji=False
    )


def say(line: str, style: str = "") -> None:
    console().print(Text(escape(line), style), soft_wrap=True)


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table of one line per row; a column ``>x`` is numeric, ``~x`` gives way to the others."""
    shown = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for name in columns:
        title = name.lstrip("~>")
        shown.add_column(title, justify="right" if name[0] == ">" else "left", no_wrap=name[0] != "~")
    for row in rows:
        shown.add_row(*map(cell, row))
    return shown


def cell(value: object) -> RenderableType:
    """A database value as one line of text that can neither style nor control the terminal."""
    match value:
        case JobState():
            return Text(str(value), STYLES[value])
        case Text():
            return value
        case None:
            return ""
        case _:
            return Text(escape(str(value)), no_wrap=True, overflow="ellipsis")


def show(shown: RenderableType) -> None:
    console().print(shown)


def show_json(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    typer.echo(escape_unseen(text))


def plain(row: Any, leave_out: Iterable[str] = ()) -> dict[str, Any]:
    """A view as JSON for programs: times as ISO 8601 in UTC, stored JSON decoded."""
    return {name: _plain(name, value) for name, value in row._asdict().items() if name not in set(leave_out)}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [plain(item) if hasattr(item, "_asdict") else item for item in value]
    if hasattr(value, "_asdict"):
        return plain(value, {"key"})
    if value is not None and (name == "at" or name.endswith(("_at", "_until"))):
        return datetime.fromtimestamp(value / SECOND, UTC).isoformat().replace("+00:00", "Z")
    return json.loads(value) if name in JSON_COLUMNS and value is not None else value


def moment(microseconds: int | None) -> str:
    """A time in the local time zone."""
    return "" if microseconds is None else f"{datetime.fromtimestamp(microseconds / SECOND).astimezone():%F %T%z}"


def ago(microseconds: int | None, now: int) -> str:
    """The time relative to ``now``: "12 s ago", "in 3 min"."""
    if microseconds is None:
        return ""
    seconds = (now - microseconds) / SECOND
    return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"


def span(seconds: float | None) -> str:
    """A duration in words; empty for None."""
    return "" if seconds is None else duration(seconds)


def brief(seconds: float | None) -> str:
    """A duration that may be short: in milliseconds below one second."""
    return "" if seconds is None else short_duration(seconds)


def size(count: float) -> str:
    """A number of bytes in a fitting unit."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def in_words(counts: Iterable[tuple[str, int]]) -> str:
    """ "3 pending, 1 failed"."""
    return ", ".join(f"{count} {state}" for state, count in counts if count)


def many(count: int, what: str = "job") -> str:
    """ "1 job", "2 jobs"."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def ask(question: str, *, yes: bool, preview: Callable[[Console], None]) -> None:
    """Show a preview and ask; return if the answer is yes, exit with code 1 if it is no.

    ``yes`` skips both. Raises Refused if no terminal can answer.
    """
    if yes:
        return
    preview(console(stderr=True))
    if not sys.stdin.isatty():
        raise Refused("nobody is there to confirm this: pass --yes to do it without asking")
    if not typer.confirm(question, err=True):
        typer.echo("nothing was changed", err=True)
        raise typer.Exit(1)


def whole(value: object) -> Text:
    """A value shown in full, on as many lines as needed; it cannot control the terminal."""
    return Text(escape_lines(str(value)).rstrip("\n"))


def short(name: str) -> str:
    """A name shortened to leave room for other columns."""
    return name if len(name) <= NAME_WIDTH else f"{name[: NAME_WIDTH - 1]}…"


def names(values: Sequence[str]) -> str:
    return ", ".join(values) if values else "none"
