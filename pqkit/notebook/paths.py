"""The folders of notebooks and of their runs."""

import os
import re
from collections.abc import Iterable
from datetime import datetime
from itertools import count
from pathlib import Path

from pqkit import project_template
from pqkit.errors import NotFound, Refused
from pqkit.files import UnsafePath, private_folder
from pqkit.settings import settings

ENDING = ".ipynb"
OWN = Path("notebooks")
"""The folder where `pqkit init` puts notebooks."""


def folders() -> list[Path]:
    """Folders whose notebooks may be jobs: those of the setting ``notebooks``, and pqkit's."""
    return list(dict.fromkeys([*(folder.absolute() for folder in settings().notebooks), kit_folder()]))


def kit_folder() -> Path:
    """The folder of pqkit's notebooks; the copy in the working folder if the setting names it."""
    named = [folder for folder in settings().notebooks if folder == OWN and folder.is_dir()]
    return project_template.folder("notebooks", next(iter(named), None))


def first_folder() -> Path:
    """The setting's first folder, for generated notebooks; created if missing. Raises Refused."""
    try:
        folder = settings().notebooks[0]
        private_folder(folder)
    except (IndexError, OSError):
        raise Refused("there is no folder for notebooks: set PQKIT_NOTEBOOKS to one") from None
    return folder


def find(name: str) -> Path:
    """The notebook ``name``, a path inside one of the folders.

    Raises UnsafePath for a path that leads out of them, NotFound if no folder has it.
    """
    if not name.endswith(ENDING) or "\x00" in name:
        raise UnsafePath(f"{name!r} is not the path of a notebook, which ends in {ENDING}")
    for folder in folders():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UnsafePath(f"{name!r} leads out of {folder}")
        if path.is_file():
            return path
    raise NotFound(f"there is no {name} in {', '.join(map(str, folders()))}")


def new_run(name: str) -> Path:
    """Create a folder ``<time>-<name>`` for a run, private to its owner."""
    runs = settings().runs.absolute()
    plain = re.sub(r"[^\w.-]+", "-", name)
    stamp = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    try:
        private_folder(runs)
        for number in count(1):
            folder = runs / f"{stamp}-{plain}{f'-{number}' if number > 1 else ''}"
            try:
                private_folder(folder, new=True)
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise Refused(f"no run can be kept in {runs}: {error.strerror}") from None
    raise AssertionError


JOB = "PQKIT_NOTEBOOK_JOB"
"""The environment variable that tells a kernel which job it runs for."""


def runs_as_job() -> bool:
    """True in the kernel of a job."""
    return JOB in os.environ


def refuse_other_code(modules: Iterable[str], project: Path | None = None) -> None:
    """In a job's kernel, refuse modules that its worker would not import, and other folders.

    The producer sets a job's parameters, and may write files but not run them. Raises Refused.
    """
    if not runs_as_job():
        return
    if others := sorted(set(modules) - set(settings().tasks)):
        raise Refused(f"a job imports only the modules of the setting tasks, not {', '.join(others)}: run it by hand")
    folder = Path(os.environ.get("PYTHONPATH", "").partition(os.pathsep)[0]).resolve()  # as the run gives it
    if project is not None and project.resolve() != folder:
        raise Refused(f"a job works in the folder of its worker, {folder}, and not in {project}: run it by hand")


def create(path: Path) -> Path:
    """Create an empty file that only its owner may read, for later writing."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    return path
