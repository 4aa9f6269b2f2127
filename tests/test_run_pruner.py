"""Runs of notebooks do not pile up: those of jobs leave by age and count, those by hand when a person says so."""

import json
from pathlib import Path

import pytest

from pqkit import Queue, queries
from pqkit.notebook.run_pruner import DELETED, Bounds, delete, expired, prune
from pqkit.notebook.run_store import RECORD, Run, past
from pqkit.queries import Trace
from pqkit.settings import settings
from tests.cli.support import run_program

DAY = 86_400 * 1_000_000
NOW = 100 * DAY


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, queue: Queue) -> Path:
    """The folder of runs, which this process and programs that it starts have in common."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PQKIT_URL", queue.database.url)
    monkeypatch.setenv("PQKIT_RUNS", str(tmp_path / "runs"))
    settings.cache_clear()
    return tmp_path / "runs"


def keep(folder: Path, name: str, age: float, *, notebook: str = "a.ipynb", job: int | None = 1, now: int = NOW) -> str:
    """A run that ended so many days ago."""
    made = Run(notebook, {}, {}, now - round(age * DAY), job=job and (job, 1), verdict="passed")
    made.ended_at = made.began_at
    (folder / name).mkdir(parents=True)
    made.write(folder / name)
    (folder / name / "report.html").write_text("x" * 5_000)
    return name


def names(bounds: Bounds, *, by_hand: bool = False) -> list[str]:
    return [each.name for each in expired(bounds, NOW, by_hand=by_hand)]


def test_runs_of_jobs_leave_by_age_and_those_by_hand_stay_until_told(folder: Path) -> None:
    keep(folder, "20300101-a", 31)
    keep(folder, "20300102-a", 31, job=None)
    keep(folder, "20300103-a", 29)
    assert names(Bounds(30, None)) == ["20300101-a"]
    assert names(Bounds(30, None), by_hand=True) == ["20300101-a", "20300102-a"]
    assert names(Bounds(None, None), by_hand=True) == []


def test_the_oldest_of_each_notebook_leave_so_that_one_notebook_pushes_no_other_out(folder: Path) -> None:
    for number in range(4):
        keep(folder, f"2030010{number}-incident", 1, notebook="incident.ipynb")
    keep(folder, "20290101-a", 2)
    assert names(Bounds(30, 2)) == ["20300100-incident", "20300101-incident"]


def test_a_run_that_goes_on_and_a_folder_that_is_no_run_stay(folder: Path, tmp_path: Path) -> None:
    keep(folder, "20300101-a", 50)
    running = Run("a.ipynb", {}, {}, NOW - 50 * DAY, job=(2, 1))
    (folder / "20300102-a").mkdir()
    running.write(folder / "20300102-a")
    (folder / "mine").mkdir()
    (folder / "mine" / "thesis.txt").write_text("mine")
    elsewhere = keep(tmp_path / "elsewhere", "20300103-a", 50)
    (folder / "20300103-a").symlink_to(tmp_path / "elsewhere" / elsewhere)
    assert names(Bounds(1, 1)) == ["20300101-a"]


def test_what_is_deleted_is_on_record_and_what_a_dead_process_left_goes_too(queue: Queue, folder: Path) -> None:
    keep(folder, "20300101-a", 31)
    keep(folder, f"{DELETED}20291231-a", 40)
    assert prune(queue.database, NOW) == 1
    assert list(folder.iterdir()) == []
    (entry,) = queries.trail(queue.database, Trace(verb="prune_runs"))
    detail = json.loads(entry.detail)
    assert (entry.who, detail["runs"], detail["newest"]) == ("retention", 1, "20300101-a")
    assert detail["bytes"] > 5_000


def test_of_two_that_delete_the_same_run_one_does_it(queue: Queue, folder: Path) -> None:
    keep(folder, "20300101-a", 31)
    found = expired(Bounds(30, None), NOW)
    assert [delete(queue.database, found), delete(queue.database, found)] == [1, 0]
    assert len(queries.trail(queue.database, Trace(verb="prune_runs"))) == 1


def test_the_command_shows_what_would_leave_and_deletes_it_when_told(queue: Queue, folder: Path) -> None:
    now = queue.database.now()
    keep(folder, "20300101-a", 31, now=now)
    keep(folder, "20300102-a", 31, job=None, now=now)
    asked = run_program(folder.parent, "runs", "prune")
    assert asked.code != 0
    assert "20300101-a" in asked.err
    assert "20300102-a" not in asked.err
    assert "--yes" in asked.err
    assert len(past(None)) == 2
    assert "deleted 1 run" in run_program(folder.parent, "runs", "prune", "--yes", "--reason", "disk").out
    assert [name for name, _ in past(None)] == ["20300102-a"]
    assert (
        "deleted 1 run" in run_program(folder.parent, "runs", "prune", "--by-hand", "--older-than", "30d", "--yes").out
    )
    assert (
        "nothing to prune"
        in run_program(folder.parent, "runs", "prune", "--by-hand", "--older-than", "0s", "--yes").out
    )
    first = queries.trail(queue.database, Trace(verb="prune_runs"))[-1]
    assert first.reason == "disk"
    assert not (folder / "20300102-a" / RECORD).exists()
