"""The record of a run: parameters, versions, progress, recorded values and verdict."""

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from socket import gethostname
from typing import Any, Literal

from pqkit.db.system_clock import process_start
from pqkit.errors import NotFound
from pqkit.files import read_regular, replace_whole
from pqkit.redaction.redact import redact
from pqkit.settings import settings

RECORD, NOTEBOOK, REPORT, KERNEL_LOG = "run.json", "notebook.ipynb", "report.html", "kernel.log"
Verdict = Literal["running", "passed", "failed", "stopped"]


@dataclass
class Run:
    """One run of a notebook; times in microseconds UTC.

    ``cell`` is the last cell that began, ``error`` one line. ``job`` is (id, attempt) if a worker ran it. A run whose
    process ended without a verdict is read as ``stopped``; ``born`` tells the process from a later one with the same
    pid. The record holds no secrets; ``secret`` is true if the report does, and then only users with the right
    ``read_secrets`` may read it.
    """

    notebook: str
    parameters: dict[str, Any]
    versions: dict[str, str]
    began_at: int
    pid: int = field(default_factory=os.getpid)
    job: tuple[int, int] | None = None
    secret: bool = False
    verdict: Verdict = "running"
    ended_at: int | None = None
    cell: str = ""
    error: str | None = None
    recorded: dict[str, Any] = field(default_factory=dict)
    host: str | None = field(default_factory=gethostname)
    born: int | None = field(default_factory=lambda: process_start(os.getpid()))

    @property
    def is_gone(self) -> bool:
        """True if it was running in a process of this host that no longer exists."""
        if self.verdict != "running" or self.host not in {None, gethostname()}:
            return False
        there = process_start(self.pid)
        return there is None or (self.born is not None and there != self.born)

    def end(self, verdict: Verdict, error: str | None = None) -> None:
        """Record the end of the run; an error names the last cell."""
        where = f"{self.cell}: " if error and self.cell else ""
        self.verdict, self.error, self.ended_at = (
            verdict,
            error and redact(where + self._said(error)),
            time.time_ns() // 1000,
        )

    def _said(self, error: str) -> str:
        return error.partition(":")[0] if self.secret else error

    def write(self, folder: Path) -> None:
        """Write the record atomically."""
        replace_whole(folder / RECORD, json.dumps(asdict(self), ensure_ascii=False, indent=1).encode())


def read(folder: Path) -> Run:
    """Read the record in that folder. Raises NotFound if it has none that can be read."""
    try:
        found = json.loads(read_regular(folder / RECORD))
        job = found.pop("job")
        found.setdefault("secret", found["notebook"].startswith("job-"))  # earlier releases decrypted in these
        found = {"host": None, "born": None, **found}
        run = Run(**found, job=tuple(job) if job else None)
        return _as_it_is(run, folder)
    except (OSError, ValueError, KeyError, TypeError):
        raise NotFound(f"there is no run in {folder}") from None


def _as_it_is(run: Run, folder: Path) -> Run:
    """A run whose process is gone counts as stopped at the last write of its record."""
    if run.is_gone:
        run.verdict, run.error = "stopped", "its process is gone"
        run.ended_at = (folder / RECORD).stat().st_mtime_ns // 1000
    return run


def past(limit: int | None = 50) -> list[tuple[str, Run]]:
    """Past runs as (name of the folder, run), newest first; ``limit`` None for all."""
    runs = settings().runs
    names = sorted((entry.name for entry in runs.iterdir() if _holds_run(entry)), reverse=True) if runs.is_dir() else []
    found: list[tuple[str, Run]] = []
    for name in names:
        if len(found) == limit:
            break
        try:
            found.append((name, read(runs / name)))
        except NotFound:
            continue
    return found


def _holds_run(folder: Path) -> bool:
    """True for a real folder that is not being deleted."""
    return not folder.name.startswith(".") and folder.is_dir() and not folder.is_symlink()
