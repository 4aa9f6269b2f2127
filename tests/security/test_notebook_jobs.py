"""Whoever may queue a notebook as a job chooses numbers and spans, and neither modules, folders nor databases."""

from pathlib import Path

import pytest

from pqkit import Context, Queue, queries
from pqkit.errors import Refused
from pqkit.lab import Scratch
from pqkit.lab.dry import go_to, open_job
from pqkit.notebook import job as jobs
from pqkit.notebook.parameters import BY_HAND, check_job, parameters_of
from pqkit.notebook.place import JOB, kit_folder
from pqkit.notebook.write import job_notebook, regression_notebook
from pqkit.outcome import Fail

KIT = sorted(path.name for path in kit_folder().glob("*.ipynb"))
HARMLESS = {"start", "end", "shape", "queues", "limits"}
"""Texts that name no place and no code."""


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This process is the kernel of a job, whose worker works in that folder."""
    monkeypatch.setenv(JOB, "7")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture(params=[*KIT, "job-1.ipynb", "regression.ipynb"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Each notebook of the kit, and each kind that is written."""
    if request.param == "job-1.ipynb":
        return job_notebook(tmp_path / "job-1.ipynb", 1, ["mytasks"], tmp_path)
    if request.param == "regression.ipynb":
        return regression_notebook(tmp_path / "regression.ipynb", "r.json", "About it.", 2.5)
    return kit_folder() / request.param


def test_what_names_code_or_a_place_is_for_people_alone(path: Path) -> None:
    texts = [one for one in parameters_of(path).values() if "str" in str(one.type) and one.name not in HARMLESS]
    for one in texts:
        assert BY_HAND in one.about, one.name
        with pytest.raises(ValueError, match="not for jobs"):
            check_job(path, {one.name: ["evil"] if "list" in str(one.type) else "evil"})
    check_job(path, {one.name: one.default for one in texts})


def test_a_job_that_names_a_module_ends_before_anything_starts() -> None:
    with pytest.raises(Fail, match="not for jobs"):
        jobs._run("crash.ipynb", {"task": "data.files.upload:x"}, None, Context(9, 1, "notebook"))


@pytest.mark.usefixtures("job")
def test_the_kernel_of_a_job_stays_in_its_workers_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [])
    go_to(tmp_path)
    with pytest.raises(Refused, match="is another"):
        go_to("/tmp")


@pytest.mark.usefixtures("job")
def test_the_kernel_of_a_job_imports_no_foreign_module(queue: Queue, tmp_path: Path) -> None:
    opened = open_job(queue.database.url, queue.enqueue("x", {}).id, Scratch(tmp_path, ""))
    with pytest.raises(Refused, match="not evil"):
        opened.run_dry("evil")
    assert len(queries.jobs(queue.database)) == 1
