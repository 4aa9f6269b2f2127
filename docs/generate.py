"""Writes the generated parts of the documentation: ``python docs/generate.py``; ``--check`` only names stale pages."""

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click
import typer

from pqkit.api import create_app
from pqkit.cli.commands import app
from pqkit.domain.states import MEANINGS, MOVES, Place, in_place
from pqkit.models import metadata
from pqkit.settings import Settings
from pqkit.testing import rehearsal_queue

REPO = Path(__file__).parent.parent
PACKAGE = REPO / "pqkit"


def states() -> str:
    rows = ["| state | its row stands in | means |", "| --- | --- | --- |"]
    for place in (Place.DELAYED, Place.READY, Place.LEASE, Place.CLOSED):
        rows += [f"| `{state}` | `{place}` | {MEANINGS[state]} |" for state in in_place(place)]
    return "\n".join(rows)


def moves() -> str:
    """Every arrow of the state machine as a table, one line for each verb and source."""
    rows = ["| verb | by | from | to |", "| --- | --- | --- | --- |"]
    targets: dict[tuple[str, str, str], list[str]] = {}
    for move in MOVES:
        shown = f"`{move.target}`" if move.target else "gone"
        targets.setdefault((move.verb, move.who, f"`{move.source}`" if move.source else "new"), []).append(shown)
    rows += [f"| `{verb}` | {who} | {source} | {', '.join(to)} |" for (verb, who, source), to in targets.items()]
    return "\n".join(rows)


def settings() -> str:
    rows = ["| setting | environment | default | description |", "| --- | --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        if isinstance(default, list):
            default = ",".join(map(str, default))
        shown = "" if default in ("", None) else f"`{default}`"
        rows.append(f"| `{name}` | `PQKIT_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


def commands() -> str:
    """A table for each group of commands, those without a group first."""
    groups: dict[str, list[str]] = {"": []}
    for path, about in _commands(typer.main.get_command(app), ""):
        group = path.rpartition(" ")[0]
        groups.setdefault(group, []).append(f"| `pqkit {path}` | {about} |")
    parts = []
    for group, rows in groups.items():
        title = [f"## pqkit {group}\n"] if group else []
        parts.append("\n".join([*title, "| command | what it does |", "| --- | --- |", *rows]))
    return "\n\n".join(parts)


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, " ".join((command.help or "").split("\n\n")[0].split())
        return
    for name, child in children.items():
        yield from _commands(child, f"{path} {name}".strip())


def schema() -> str:
    """Every table with its columns, as the models declare them."""
    parts = []
    for table in metadata.sorted_tables:
        rows = ["| column | type | |", "| --- | --- | --- |"]
        for column in table.columns:
            notes = [
                *(["primary key"] if column.primary_key else []),
                *([] if column.nullable or column.primary_key else ["not null"]),
                *(f"references `{key.target_fullname}`" for key in column.foreign_keys),
            ]
            rows.append(f"| `{column.name}` | {type(column.type).__name__} | {', '.join(notes)} |")
        parts.append(f"## {table.name}\n\n" + "\n".join(rows))
    return "\n\n".join(parts)


def tree() -> str:
    """Every package and module with the first line of its docstring."""
    lines = []
    for file in sorted(PACKAGE.rglob("*.py"), key=lambda path: (path.parent, path.name != "__init__.py", path.name)):
        inside = file.relative_to(REPO)
        if {"versions", "kit"} & set(inside.parts[:-1]):
            continue
        name = str(inside.parent) + "/" if file.name == "__init__.py" else f"    {file.name}"
        lines.append(f"{name:<36} {_first_line(file)}".rstrip())
    return "```text\n" + "\n".join(lines) + "\n```"


def _first_line(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0]


def floors() -> str:
    """The floors of the layer test, the highest first, with what each room may import on its own floor."""
    rows = ["| floor | room | may also import, on its own floor |", "| --- | --- | --- |"]
    for height, floor in reversed(list(enumerate(layers().FLOORS))):
        rows += [
            f"| {height} | `{room}` | {', '.join(f'`{name}`' for name in sorted(beside))} |"
            for room, beside in floor.items()
        ]
    return "\n".join(rows)


def layers() -> ModuleType:
    spec = importlib.util.spec_from_file_location("layers", REPO / "tests" / "test_layers.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def operations() -> str:
    """Every operation of the REST interface, from its own OpenAPI document."""
    rows = ["| operation | what it does |", "| --- | --- |"]
    with rehearsal_queue() as queue:
        paths = create_app(queue).openapi()["paths"]
    for path, methods in paths.items():
        rows += [f"| `{method.upper()} {path}` | {_said(about)} |" for method, about in methods.items()]
    return "\n".join(rows)


def _said(about: dict[str, str]) -> str:
    return " ".join((about.get("description") or about.get("summary", "")).split("\n\n")[0].split())


PARTS: dict[str, Callable[[], str]] = {
    "states": states,
    "moves": moves,
    "settings": settings,
    "commands": commands,
    "schema": schema,
    "tree": tree,
    "floors": floors,
    "operations": operations,
}
PAGES: dict[str, tuple[str, ...]] = {
    "README.md": ("states",),
    "docs/concepts/states.md": ("states", "moves"),
    "docs/reference/cli.md": ("commands",),
    "docs/reference/settings.md": ("settings",),
    "docs/reference/schema.md": ("schema",),
    "docs/reference/operations.md": ("operations",),
    "docs/architecture.md": ("tree", "floors"),
}


def generated(text: str, parts: tuple[str, ...]) -> str:
    """``text`` with each of ``parts`` between ``<!-- NAME -->`` and ``<!-- end -->`` as it is to be."""
    for name in parts:
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"there is no part <!-- {name} --> … <!-- end -->")
        part = PARTS[name]().replace("\\", r"\\")
        text = pattern.sub(rf"\g<1>\n{part}\n\n\g<2>", text)
    return text


def stale() -> dict[Path, str]:
    """The pages that are not as they are to be, with what they are to be."""
    found = {}
    for name, parts in PAGES.items():
        page = REPO / name
        if (new := generated(page.read_text(), parts)) != page.read_text():
            found[page] = new
    return found


def main() -> None:
    pages = stale()
    if "--check" in sys.argv:
        sys.exit("\n".join(f"{page.relative_to(REPO)} is stale: run make docs" for page in pages) or 0)
    for page, text in pages.items():
        page.write_text(text)


if __name__ == "__main__":
    main()
