"""The notebooks run as tests cell by cell; here is what must hold of them as files, and that they take parameters."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from pqkit import lab
from pqkit.domain.states import JobState
from pqkit.notebook.parameters import parameters_of
from pqkit.queries import counts
from pqkit.queue import get_queue
from tests.postgres import Server
from tests.support import PATIENCE, lives, wait_until

REPO = Path(__file__).parent.parent
NOTEBOOKS = sorted((REPO / "notebooks").glob("*.ipynb"))
TOUR = REPO / "notebooks" / "tour.ipynb"


def code_of(notebook: Path) -> list[Any]:
    return [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]


def run(notebook: Path, folder: Path, **parameters: object) -> list[Any]:
    """Execute a copy as a user would, from another folder, and return its code cells."""
    target = folder / notebook.name
    limits = {"start_timeout": 300, "execution_timeout": 300}
    papermill.execute_notebook(
        notebook, target, parameters, kernel_name="python3", progress_bar=False, cwd=folder, **limits
    )
    return code_of(target)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(notebook: Path) -> None:
    assert not [cell for cell in code_of(notebook) if cell.outputs or cell.execution_count]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_one_cell_of_parameters(notebook: Path) -> None:
    assert [cell.metadata.get("tags") for cell in code_of(notebook)].count(["parameters"]) == 1


def bad_lines(source: str) -> list[str]:
    """What a notebook must not hold: classes, threads, SQL, magics and shell escapes (which pass when they fail)."""
    lines = [line for line in source.splitlines() if line.lstrip().startswith(("%", "!"))]
    if lines:
        return lines
    nodes = list(ast.walk(ast.parse(source)))
    modules = {alias.name.split(".")[0] for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    modules |= {(n.module or "").split(".")[0] for n in nodes if isinstance(n, ast.ImportFrom)}
    classes = [f"class {n.name}" for n in nodes if isinstance(n, ast.ClassDef)]
    return classes + sorted(modules & {"threading", "multiprocessing", "sqlite3", "sqlalchemy", "sqlmodel"})


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_defines_no_class_no_thread_and_no_sql(notebook: Path) -> None:
    assert not [line for cell in code_of(notebook) for line in bad_lines(cell.source)]


@pytest.mark.parametrize(
    "source", ["%time", "!false", "class A: pass", "import threading", "from sqlalchemy import text"]
)
def test_what_a_notebook_must_not_hold_is_found(source: str) -> None:
    assert bad_lines(source)


MOST_CELLS, MOST_LINES = 12, 12


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_short(notebook: Path) -> None:
    cells = code_of(notebook)
    assert len(cells) <= MOST_CELLS
    assert max(len(cell.source.splitlines()) for cell in cells) <= MOST_LINES


@pytest.mark.parametrize("notebook", [path for path in NOTEBOOKS if path != TOUR], ids=lambda path: path.stem)
def test_an_experiment_runs_on_postgresql_as_well(notebook: Path, tmp_path: Path, server: Server) -> None:
    """On SQLite they are tests themselves, cell by cell."""
    name = "server" if "server" in parameters_of(notebook) else "url"
    with server.database() as url:
        run(notebook, tmp_path, **{name: url})


def test_the_tour_runs_from_another_folder_with_other_parameters(tmp_path: Path) -> None:
    cells = run(TOUR, tmp_path, files=3)
    shown = [output.data["text/plain"] for cell in cells for output in cell.outputs if "data" in output]
    assert "{'completed': 5}" in shown


def test_a_cell_that_is_wrong_fails_the_run(tmp_path: Path) -> None:
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 == 2, 'one is not two'")])
    nbformat.write(broken, tmp_path / "broken.ipynb")
    (tmp_path / "out").mkdir()
    with pytest.raises(papermill.PapermillExecutionError, match="one is not two"):
        run(tmp_path / "broken.ipynb", tmp_path / "out")


def test_the_folder_of_a_scratch_queue_is_gone_with_its_process(tmp_path: Path) -> None:
    code = "from pqkit import lab, get_queue; s = lab.scratch(); get_queue(s.url).enqueue('t', {}); print(s.folder)"
    folder = Path(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    )
    assert folder.name.startswith("pqkit-lab-")
    assert not folder.exists()


def test_a_worker_of_the_lab_ends_with_its_with_block() -> None:
    here, tasks = lab.scratch(), lab.load_tasks("tour_tasks")
    queue = get_queue(here.url)
    (here.folder / "a.txt").write_text("one two")
    job = queue.enqueue(tasks.count_words, {"path": str(here.folder / "a.txt")})
    with lab.start_worker(here, tasks) as worker:
        assert job.result(PATIENCE) == {"words": 2, "lines": 1}
    assert worker.process.poll() == 0
    assert counts(queue.database)[JobState.COMPLETED] == 1
    queue.close()


def test_a_worker_of_the_lab_ends_when_its_notebook_is_killed(tmp_path: Path) -> None:
    code = (
        "import time; from pqkit import lab; s = lab.scratch(); "
        "w = lab.start_worker(s, lab.load_tasks('tour_tasks')); print(w.pid, s.folder, flush=True); time.sleep(600)"
    )
    command, place = [sys.executable, "-c", code], {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=REPO, env=place, stdout=subprocess.PIPE, text=True) as notebook:
        try:
            assert notebook.stdout is not None
            pid, folder = notebook.stdout.readline().split()
            wait_until((Path(folder) / "queue.db").exists, what="the worker's start")
            assert lives(int(pid))
        finally:
            notebook.kill()
    wait_until(lambda: not lives(int(pid)), what="the worker's end")


def test_waiting_for_what_does_not_come_says_what_it_was() -> None:
    with pytest.raises(TimeoutError, match=r"the moon did not come true within 0\.1 s"):
        lab.wait_until(lambda: False, timeout=0.1, what="the moon")
