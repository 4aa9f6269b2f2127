"""Writes the generated parts of README.md: ``python docs/generate.py``; with ``--check`` it only says what is stale."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import typer

from pqkit.cli.program import app
from pqkit.settings import Settings
from pqkit.states import MEANINGS, Place, diagram, in_place

README = Path(__file__).parent.parent / "README.md"


def states() -> str:
    rows = ["| state | its row stands in | means |", "| --- | --- | --- |"]
    for place in (Place.DELAYED, Place.READY, Place.LEASE, Place.CLOSED):
        rows += [f"| `{state}` | `{place}` | {MEANINGS[state]} |" for state in in_place(place)]
    return "\n".join(rows)


def state_diagram() -> str:
    return f"```mermaid\n{diagram()}\n```"


def settings() -> str:
    rows = ["| setting | environment | default | what it says |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        if isinstance(default, list):
            default = ",".join(map(str, default))
        shown = "" if default in ("", None) else f"`{default}`"
        rows.append(f"| `{name}` | `PQKIT_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def commands() -> str:
    rows = ["| command | what it does |", "| --- | --- |"]
    rows += [f"| `pqkit {path}` | {about} |" for path, about in _commands(typer.main.get_command(app), "")]
    return "\n".join(rows)


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, " ".join((command.help or "").split("\n\n")[0].split())
        return
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}".strip())


PARTS: dict[str, Callable[[], str]] = {
    "states": states,
    "state diagram": state_diagram,
    "settings": settings,
    "commands": commands,
}


def generated(text: str) -> str:
    """``text`` with every part between ``<!-- NAME -->`` and ``<!-- end -->`` as it is to be."""
    for name, make in PARTS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"README.md has no part <!-- {name} --> … <!-- end -->")
        part = make().replace("\\", r"\\")
        text = pattern.sub(rf"\g<1>{part}\n\g<2>", text)
    return text


def main() -> None:
    old = README.read_text()
    new = generated(old)
    if "--check" in sys.argv:
        sys.exit("README.md is stale: run make docs" if new != old else 0)
    README.write_text(new)


if __name__ == "__main__":
    main()
