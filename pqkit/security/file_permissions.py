"""Finds code and settings that others may change, which would give them this user's rights.

Only this user and root are trusted.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pqkit import project_template
from pqkit.files import writers
from pqkit.settings import ENV_FILE, settings

CODE = {".py", ".ipynb", ".conf", ".html", ".js", ".css", ".json", ".toml"}
FEW = 3


class Exposed(NamedTuple):
    """A path that other users may change, in words, and the command that fixes it."""

    found: str
    mend: str


def exposed() -> list[Exposed]:
    """Return the files and folders with code or settings of this project that others may write.

    It checks modes and owners as git does for ``safe.directory``. Files that belong to root are trusted.
    """
    found = [Exposed(*problem) for path in dict.fromkeys(_sources()) if (problem := _writers(path)) is not None]
    return [*found, *_open_parents()]


def in_words(found: list[Exposed]) -> str:
    """Return the first three on one line, and the number of the others."""
    more = f" and {len(found) - FEW} more" if len(found) > FEW else ""
    return "; ".join(each.found for each in found[:FEW]) + more


def _sources() -> Iterator[Path]:
    here = Path.cwd()
    yield from (here, here / ENV_FILE, here / "pyproject.toml", here / "Procfile", *here.glob("*.py"))
    if (keys := settings().key_file) is not None:
        yield from (keys.absolute().parent, keys.resolve().parent)
    for name in settings().tasks:
        yield from _module(here, name.split("."))
    folders = [here / name for name in project_template.FOLDERS] + [
        folder.absolute() for folder in settings().notebooks
    ]
    for folder in folders:
        yield from _tree(folder)


def _module(here: Path, steps: list[str]) -> Iterator[Path]:
    """List the files and folders that an import of the module reads, without importing it."""
    for number in range(1, len(steps) + 1):
        path = here.joinpath(*steps[:number])
        yield from (path, path / "__init__.py", path.with_name(f"{path.name}.py"))
    yield from here.joinpath(*steps[:-1]).glob("*.py")


def _tree(folder: Path) -> Iterator[Path]:
    yield folder
    for place, names, files in os.walk(folder):
        names[:] = [name for name in names if not name.startswith((".", "__"))]
        yield from (Path(place, name) for name in names)
        yield from (Path(place, name) for name in files if Path(name).suffix in CODE)


def _writers(path: Path) -> tuple[str, str] | None:
    try:
        return writers(path)
    except OSError:  # it does not exist, or is a broken link
        return None


def _open_parents() -> Iterator[Exposed]:
    """Find parent folders in which any user may replace the working folder."""
    for parent in Path.cwd().parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            yield Exposed(f"{parent} has mode {mode:04o}", f"chmod o-w {parent}")
