"""Running a notebook: parameters checked first, all kept in a folder of its own, one clear line when it fails."""

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pqkit import extras
from pqkit.db import connect
from pqkit.errors import PqkitError
from pqkit.files import UnsafePath, read_regular, replace_whole
from pqkit.notebook import parameters, place
from pqkit.notebook.record import recorded
from pqkit.notebook.report import as_html
from pqkit.notebook.runs import KERNEL_LOG, NOTEBOOK, REPORT, Run
from pqkit.outcome import Stopped, summarize
from pqkit.redact import without_passwords
from pqkit.settings import settings
from pqkit.version import VERSION

KERNEL = "python3"
VERSIONED = ("papermill", "ipykernel", "pandas", "holoviews")
Watch = Callable[[float, str], None]


class NotebooksMissing(PqkitError):
    """The libraries that run notebooks are not installed."""


def run(
    path: Path,
    values: Mapping[str, Any],
    *,
    name: str | None = None,
    job: tuple[int, int] | None = None,
    cell_timeout: float | None = None,
    watch: Watch = lambda _part, _words: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Path, Run]:
    """Execute the notebook with these parameters; (the run's folder, its record), also where a cell failed.

    Raises BadParameter or BadNotebook before anything starts, Stopped when ``stop()`` became true. ``watch`` hears of
    each cell that begins; ``cell_timeout`` is in seconds, for each cell.
    """
    checked = parameters.check(path, values)
    folder = place.new_run(name or path.stem)
    found = Run(path.name, _redacted(checked), _versions(), time.time_ns() // 1000, job=job)
    found.write(folder)

    def began(part: float, words: str) -> None:
        found.cell = words
        found.write(folder)
        watch(part, words)

    try:
        _execute(path, checked, folder, watch=began, stop=stop, cell_timeout=cell_timeout)
        watch(1.0, found.cell)
        found.end("passed")
    except PqkitError as error:
        found.end("failed", str(error))
    except BaseException as error:
        found.end("stopped", summarize(error))
        raise
    finally:
        found.recorded = keep(folder)
        found.write(folder)
    return folder, found


def _execute(path: Path, values: dict[str, Any], folder: Path, **options: Any) -> None:
    """Run it by papermill; ``options`` are the engine's. Raises NotebookFailed or Stopped."""
    papermill, engine = libraries()
    target = place.create(folder / NOTEBOOK)
    where = {"kernel_name": KERNEL, "language": "python", "cwd": path.absolute().parent}
    try:
        with place.create(folder / KERNEL_LOG).open("wb") as said:
            kernel = {"env": _environment(), "stdout": said, "stderr": said}
            papermill.execute_notebook(
                path.absolute(),
                target,
                values,
                engine_name=engine.NAME,
                progress_bar=False,
                kernel=kernel,
                **where,
                **options,
            )
    except papermill.PapermillExecutionError as error:
        if options["stop"]():
            raise Stopped("the run was asked to stop") from None
        raise engine.NotebookFailed(f"{error.ename}: {error.evalue}".rstrip(": ")) from None
    except RuntimeError as error:
        raise engine.NotebookFailed(f"the kernel did not start: {summarize(error)}") from None


def keep(folder: Path) -> dict[str, Any]:
    """Write the report of what there is of the executed notebook, both without passwords; the recorded values."""
    notebook = folder / NOTEBOOK
    try:
        text = without_passwords(read_regular(notebook).decode())
    except (FileNotFoundError, UnsafePath):  # its own cells may have put anything in its place
        return {}
    if not text:
        return {}
    replace_whole(notebook, text.encode())
    replace_whole(folder / REPORT, as_html(text).encode())
    return recorded(json.loads(text)["cells"])


def libraries() -> tuple[Any, Any]:
    try:
        import papermill  # noqa: PLC0415 - an extra, and slow to load

        from pqkit.notebook import engine  # noqa: PLC0415
    except ImportError as error:
        raise NotebooksMissing(f"notebooks need their libraries: {extras.hint('notebooks')} ({error})") from None
    return papermill, engine


def _environment() -> dict[str, str]:
    """The kernel works in the notebook's folder, and still means this queue and these modules of tasks."""
    path = [str(Path.cwd()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PQKIT_URL": connect(settings().url).url, "PYTHONPATH": os.pathsep.join(path)}


def _versions() -> dict[str, str]:
    found = {"pqkit": VERSION, "python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _redacted(values: Mapping[str, Any]) -> dict[str, Any]:
    redacted: dict[str, Any] = json.loads(without_passwords(json.dumps(values)))
    return redacted
