"""Writes ``pqkit/sql/compiled.py`` from the declarations: ``python -m pqkit.statements.generate``."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from pqkit.statements import (
    access,
    agenda,
    attempt,
    claim,
    dependents,
    hooks,
    limits,
    operate,
    produce,
    prune,
    redrive,
    sample,
    schedules,
    told,
    upkeep,
    workers,
)
from pqkit.statements.declare import Declared, OnPostgresql

TARGET = Path(__file__).parent.parent / "sql" / "compiled.py"
ROOMS = (
    *(produce, claim, limits, dependents, attempt, workers, hooks, upkeep),
    *(sample, prune, operate, redrive, schedules, access, told, agenda),
)
HEAD = '''"""All statements as the databases take them. Written by ``make sql``: do not edit."""

from pqkit.sql.text import Statement, Text
'''


def declared() -> Iterator[tuple[str, Declared]]:
    """Every statement with its name."""
    for room in ROOMS:
        for name, value in vars(room).items():
            if isinstance(value, Declared) and not name.startswith("_"):
                yield name, value


def on_postgresql() -> Iterator[tuple[str, OnPostgresql]]:
    """Those that only PostgreSQL has."""
    for room in ROOMS:
        yield from ((name, value) for name, value in vars(room).items() if isinstance(value, OnPostgresql))


def source() -> str:
    both = (f"\n{name} = Statement(\n{_texts(it)})\n" for name, it in declared())
    one = (f"\n{name} = Text(\n{_arguments(*it.written())})\n" for name, it in on_postgresql())
    return HEAD + "".join((*both, *one))


def _texts(it: Declared) -> str:
    texts = "".join(f"    Text(\n{_arguments(*written)}    ),\n" for written in it.texts())
    return texts + (f"    alike={it.alike},\n" if it.alike else "")


def _arguments(text: str, order: tuple[int, ...] | None, fixed: tuple[object, ...]) -> str:
    lines = textwrap.wrap(" ".join(text.split()), 100, break_long_words=False, break_on_hyphens=False)
    quoted = [f"        {line + ' '!r}\n" for line in lines[:-1]] + [f"        {lines[-1]!r},\n"]
    plain = tuple(str(value) if isinstance(value, str) else value for value in fixed)
    return "".join(quoted) + (f"        {order},\n        {plain},\n" if order is not None else "")


if __name__ == "__main__":
    TARGET.write_text(source())
