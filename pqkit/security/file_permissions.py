"""Code and settings that others than this user and root may change: whoever changes them has this user's rights."""

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
    """A path that others may change, in words, and the command that mends it."""

    found: str
    mend: str


def exposed() -> list[Exposed]:
    """Every file and folder of the working folder from which processes take code or settings, where others may write.

    It looks at modes and owners as git does for ``safe.directory``. What belongs to root is trusted.
    """
    found = [Exposed(*problem) for path in dict.fromkeys(_sources()) if (problem := _writers(path)) is not None]
    return [*found, *_open_parents()]


def in_words(found: list[Exposed]) -> str:
    """The first few of them on one line."""
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
    """The files and folders that an import of that module reads, without the import."""
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
    except OSError:  # it is not there, or leads nowhere
        return None


def _open_parents() -> Iterator[Exposed]:
    """Folders above in which anybody may put another folder in the place of this one."""
    for parent in Path.cwd().parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            yield Exposed(f"{parent} has mode {mode:04o}", f"chmod o-w {parent}")
