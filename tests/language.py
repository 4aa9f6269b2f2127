"""Checks docstrings for the mechanical part of the project's English: ``python tests/language.py``.

``language_unread.txt`` names the files that are not rewritten yet. It only shrinks: a file that has no fault must leave
it, and ``--list`` prints what belongs in it.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
UNREAD = ROOT / "tests" / "language_unread.txt"
RULES: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def faults(text: str) -> list[tuple[int, str]]:
    """The line of each docstring of a Python source that breaks a rule, and the rule."""
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, Documented)]
    found = [(getattr(node, "lineno", 1), ast.get_docstring(node)) for node in nodes]
    return sorted((line, fault) for line, said in found if said for fault in docstring_faults(said))


def docstring_faults(text: str) -> Iterator[str]:
    """The rules that a docstring breaks, each with its cure."""
    first = text.splitlines()[0]
    if len(first) > RULES["longest_first_line"]:
        yield f"the first line has {len(first)} characters: at most {RULES['longest_first_line']}"
    if text.split(maxsplit=1)[0] in RULES["no_opening"]:
        yield f"it opens with {text.split(maxsplit=1)[0]}: begin with a verb, or name the subject"
    for pattern, cure in RULES["replacements"].items():
        if said := re.search(pattern, text, re.IGNORECASE):
            yield f"{said[0]!r}: say {cure}"


def unread() -> set[str]:
    """The files that are not rewritten yet."""
    return set(UNREAD.read_text().split())


def faults_by_file() -> dict[str, list[tuple[int, str]]]:
    """The faults of every Python file, also of those that have none."""
    files = [file for room in ("pqkit", "dashboards") for file in sorted((ROOT / room).rglob("*.py"))]
    return {str(file.relative_to(ROOT)): faults(file.read_text()) for file in files}


def report(found: dict[str, list[tuple[int, str]]], listed: set[str]) -> list[str]:
    """One line for each fault in a file that is not listed, and for each listed file that has none."""
    lines = [f"{name}:{line}: {said}" for name in sorted(found.keys() - listed) for line, said in found[name]]
    clean = sorted(name for name in listed if not found.get(name))
    return lines + [f"{name} is clean or gone: take it out of {UNREAD.name}" for name in clean]


def main(arguments: list[str]) -> int:
    """Print the report, or the list."""
    found = faults_by_file()
    if arguments == ["--list"]:
        print(*sorted(name for name, said in found.items() if said), sep="\n")
        return 0
    lines = report(found, unread())
    print(*lines, sep="\n", end="\n" if lines else "")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
