"""Retention of notebook runs: deletes those that are too old or too many."""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pqkit.db import Database
from pqkit.notebook.run_store import Run, past
from pqkit.operations.operator import Operator
from pqkit.settings import settings

DELETED = ".deleted-"
DAY = 86_400 * 1_000_000


class Bounds(NamedTuple):
    """Retention: days to keep runs (None: forever), runs to keep per notebook (None: all)."""

    days: float | None
    runs: int | None


class ExpiredRun(NamedTuple):
    """A run beyond the bounds; ``size`` in bytes."""

    name: str
    run: Run
    size: int


def expired(bounds: Bounds, now: int, *, by_hand: bool = False) -> list[ExpiredRun]:
    """Find ended runs beyond the bounds, oldest first; ``now`` in microseconds UTC.

    Runs started by a person are included only with ``by_hand``.
    """
    counts: dict[str, int] = defaultdict(int)
    found = []
    for name, run in past(None):
        if run.ended_at is None or (run.job is None and not by_hand):
            continue
        counts[run.notebook] += 1
        too_many = bounds.runs is not None and counts[run.notebook] > bounds.runs
        if too_many or (bounds.days is not None and now - run.ended_at >= bounds.days * DAY):
            found.append(ExpiredRun(name, run, _size(settings().runs / name)))
    return found[::-1]


def delete(database: Database, found: Iterable[ExpiredRun], who: str | None = None, reason: str | None = None) -> int:
    """Delete these runs, record it in the audit trail, and return their number.

    A run that another process deletes is left to that process.
    """
    taken = [run for run in found if _take(run.name)]
    if taken:
        detail = {"runs": len(taken), "bytes": sum(run.size for run in taken), "newest": taken[-1].name}
        Operator(database, who).note("prune_runs", reason, **detail)
    for folder in settings().runs.glob(f"{DELETED}*"):  # and leftovers of a process that died here
        shutil.rmtree(folder, ignore_errors=True)
    return len(taken)


def prune(database: Database, now: int) -> int:
    """Delete the runs beyond the bounds in the settings, and return their number."""
    wanted = settings()
    return delete(database, expired(Bounds(wanted.keep_runs, wanted.max_runs), now), "retention")


def _take(name: str) -> bool:
    """Rename the run's folder so that it counts as deleted; False if it is gone."""
    runs = settings().runs
    try:
        (runs / name).rename(runs / f"{DELETED}{name}")
    except FileNotFoundError:
        return False
    return True


def _size(folder: Path) -> int:
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        try:
            yield path.lstat().st_size
        except FileNotFoundError:
            continue
