"""Notebook execution: checks parameters, keeps a folder per run, fails with one clear line."""

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
from pqkit.domain.outcomes import Stopped, summarize
from pqkit.errors import PqkitError
from pqkit.files import UnsafePath, read_regular, replace_whole
from pqkit.notebook import parameters, paths
from pqkit.notebook.html_report import as_html, public_notebook
from pqkit.notebook.recorded_values import recorded
from pqkit.notebook.run_store import KERNEL_LOG, NOTEBOOK, REPORT, Run
from pqkit.redaction.redact import HIDDEN, public
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
    """Execute the notebook and return (the run's folder, its record), also where a cell failed.

    Raises BadParameter or BadNotebook before anything starts, Stopped when ``stop()`` became true. ``watch`` is called
    for each cell that begins; ``cell_timeout`` is in seconds, for each cell.
    """
    checked = parameters.check(path, values)
    folder = paths.new_run(name or path.stem)
    secret = parameters.shows_secrets(path, checked)
    found = Run(path.name, public(checked), _versions(), time.time_ns() // 1000, job=job, secret=secret)
    found.write(folder)

    def began(part: float, words: str) -> None:
        found.cell = words
        found.write(folder)
        watch(part, words)

    try:
        _execute(path, checked, folder, job=job, watch=began, stop=stop, cell_timeout=cell_timeout)
        watch(1.0, found.cell)
        found.end("passed")
    except PqkitError as error:
        found.end("failed", str(error))
    except BaseException as error:
        found.end("stopped", summarize(error))
        raise
    finally:
        found.recorded = keep(folder, secret=secret)
        found.write(folder)
    return folder, found


def _execute(path: Path, values: dict[str, Any], folder: Path, *, job: tuple[int, int] | None, **options: Any) -> None:
    """Run papermill; ``options`` go to the engine. Raises NotebookFailed or Stopped."""
    papermill, engine = libraries()
    target = paths.create(folder / NOTEBOOK)
    where = {"kernel_name": KERNEL, "language": "python", "cwd": path.absolute().parent}
    try:
        with paths.create(folder / KERNEL_LOG).open("wb") as said:
            kernel = {"env": _environment(job), "stdout": said, "stderr": said}
            papermill.execute_notebook(
                path.absolute(),
                target,
                values,
                engine_name=engine.NAME,
                progress_bar=False,
                kernel=kernel,
                project=Path.cwd(),
                **where,
                **options,
            )
    except papermill.PapermillExecutionError as error:
        if options["stop"]():
            raise Stopped("the run was asked to stop") from None
        raise engine.NotebookFailed(f"{error.ename}: {error.evalue}".rstrip(": ")) from None
    except RuntimeError as error:
        raise engine.NotebookFailed(f"the kernel did not start: {summarize(error)}") from None


def keep(folder: Path, *, secret: bool = False) -> dict[str, Any]:
    """Write the report of the notebook as far as it ran, and return the recorded values.

    Notebook and report hold no secrets unless ``secret`` is set; the recorded values never hold any.
    """
    notebook = folder / NOTEBOOK
    try:
        text = read_regular(notebook).decode()
    except (FileNotFoundError, UnsafePath):  # its own cells may have replaced it
        return {}
    if not text:
        return {}
    if not secret:
        text = json.dumps(public_notebook(json.loads(text)), ensure_ascii=False, indent=1)
    replace_whole(notebook, text.encode())
    replace_whole(folder / REPORT, as_html(text).encode())
    values = recorded(json.loads(text)["cells"])
    return dict.fromkeys(values, HIDDEN) if secret else public(values)


def libraries() -> tuple[Any, Any]:
    try:
        import papermill  # noqa: PLC0415 - an extra, and slow to load

        from pqkit.notebook import engine  # noqa: PLC0415
    except ImportError as error:
        raise NotebooksMissing(f"notebooks need their libraries: {extras.hint('notebooks')} ({error})") from None
    return papermill, engine


def _environment(job: tuple[int, int] | None) -> dict[str, str]:
    """The kernel's environment: this queue and task modules, whatever folder it works in."""
    own = {name: value for name, value in os.environ.items() if name != paths.JOB}
    known = {"PQKIT_URL": connect(settings().url).url, "PQKIT_TASKS": ",".join(settings().tasks)}
    return {**own, **known, **({paths.JOB: str(job[0])} if job else {})}


def _versions() -> dict[str, str]:
    found = {"pqkit": VERSION, "python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
