"""Whoever may queue a notebook chooses neither the code that its kernel imports nor the database that it reads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pqkit.domain.context import Context
from pqkit.domain.outcomes import Fail
from pqkit.errors import Refused
from pqkit.incidents.job_replay import Opened, go_to
from pqkit.lab import Scratch
from pqkit.lab.experiments.crash import Plan, crash
from pqkit.notebook import notebook_tasks as jobs
from pqkit.notebook.generate import job_notebook, regression_notebook
from pqkit.notebook.parameters import BY_HAND, MOST_IN_A_JOB, parameters_of
from pqkit.notebook.paths import JOB, kit_folder
from pqkit.settings import settings

PLACES = {"url", "server", "history", "project", "tasks", "story"}
DROPPED = "from pathlib import Path\nPath(__file__).with_name('imported').touch()\n"


@pytest.fixture
def dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a producer wrote below the worker's folder, in the kernel of a job."""
    (folder := tmp_path / "data" / "files").mkdir(parents=True)
    (folder / "upload.py").write_text(DROPPED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(JOB, "1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return folder


def test_each_parameter_that_names_a_place_is_set_by_hand_only(tmp_path: Path) -> None:
    written = [
        job_notebook(tmp_path / "job-1.ipynb", 1, ["mytasks"], tmp_path),
        regression_notebook(tmp_path / "test_day.ipynb", "day.json", "A day.", 1.0),
    ]
    found = {
        (path.name, name): parameter.about.endswith(BY_HAND)
        for path in [*kit_folder().glob("*.ipynb"), *written]
        for name, parameter in parameters_of(path).items()
        if name in PLACES
    }
    assert len(found) >= 12
    assert all(found.values()), found


@pytest.mark.parametrize("url", ["sqlite:////etc/queue.db", "postgresql+psycopg://app@db.internal/queue"])
@pytest.mark.parametrize(("path", "name"), [("capacity.ipynb", "url"), ("retry.ipynb", "history")])
def test_a_job_reads_no_queue_but_its_own(path: str, name: str, url: str) -> None:
    with pytest.raises(Fail, match=f"parameter '{name}' is not for a job"):
        jobs._run(path, {name: url}, None, Context(9, 1, "notebook"))


def test_a_job_may_name_the_queue_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pqkit.notebook.execute.run", lambda *_, **__: pytest.fail("it came through"))
    with pytest.raises(pytest.fail.Exception, match="it came through"):
        jobs._run("capacity.ipynb", {"url": settings().url}, None, Context(9, 1, "notebook"))


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("crash.ipynb", {"workers": 9}),
        ("load.ipynb", {"backlogs": [1, 100_001]}),
        ("load.ipynb", {"payloads": [1] * 11}),
    ],
)
def test_a_job_starts_no_more_than_the_notebook_allows_jobs_to(path: str, values: dict[str, Any]) -> None:
    """A worker runs several jobs at once, and each of these starts processes of its own."""
    with pytest.raises(Fail, match=r"is at most [\d,]+ in a job: run the notebook by hand for more"):
        jobs._run(path, values, None, Context(9, 1, "notebook"))


def test_each_number_that_an_experiment_grows_with_has_a_bound_for_jobs() -> None:
    numbers = ("workers", "jobs", "kills", "stops", "hangs", "poison", "seconds", "backlogs", "payloads", "arrivals")
    found = {
        (path.name, name): bool(MOST_IN_A_JOB.search(parameter.about))
        for path in kit_folder().glob("*.ipynb")
        for name, parameter in parameters_of(path).items()
        if name in numbers
    }
    assert len(found) >= 12
    assert all(found.values()), found


def storm(folder: Path) -> None:
    crash(Scratch(folder, f"sqlite:///{folder}/queue.db"), Plan(task="data.files.upload:x"))


def dry_run(_: Path) -> None:
    Opened(None, "", decrypt=False).run_dry("data.files.upload")  # type: ignore[arg-type] # it does not come to that


@pytest.mark.parametrize("run", [storm, dry_run])
def test_a_job_imports_only_the_modules_of_the_setting(
    run: Callable[[Path], None], dropped: Path, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match=r"only the modules of the setting tasks, not data\.files\.upload"):
        run(tmp_path)
    assert not (dropped / "imported").exists()


def test_a_job_does_not_leave_the_folder_of_its_worker(dropped: Path) -> None:
    with pytest.raises(Refused, match="a job works in the folder of its worker"):
        go_to(dropped)
    go_to(Path.cwd())
