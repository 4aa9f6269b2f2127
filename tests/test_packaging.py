"""The wheel, as somebody installs it who has nothing else of ours."""

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import PATIENCE, wait_until
from tests.test_up import Project

REPOSITORY = Path(__file__).parent.parent
PATIENT_UV = {**os.environ, "UV_HTTP_TIMEOUT": str(int(PATIENCE)), "UV_HTTP_RETRIES": "10"}  # it asks a registry


def call(*command: str | Path, cwd: Path = REPOSITORY) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=PATIENT_UV, capture_output=True, text=True, timeout=5 * PATIENCE, check=False
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment that holds the wheel and what it needs, of the locked versions."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    call(uv, "venv", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    call(uv, "pip", "install", "--python", python, "--constraint", REPOSITORY / "requirements.lock", wheel)
    return environment / "bin"


def test_the_wheel_carries_the_kit_and_no_left_overs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "supervisor/supervisord.conf",
        "Procfile",
        "dashboards/ops/page.py",
        "dashboards/page.html",
        "notebooks/tour.ipynb",
    ):
        assert f"pqkit/kit/{needed}" in names
    assert "pqkit/db/migrations/versions/0001_first.py" in names
    assert not [name for name in names if "__pycache__" in name or ".ipynb_checkpoints" in name or "tests/" in name]


def test_a_new_project_from_the_bare_wheel_stamps_files(programs: Path, tmp_path: Path) -> None:
    said = call(programs / "pqkit", "init", "ops", cwd=tmp_path)
    assert "pqkit up --demo" in said
    project = Project(tmp_path / "ops", [programs / "pqkit"])
    try:
        up = project.up("--demo")
        wait_until(project.stamped, what="a stamped file")
        project.wait_for("stop             Ctrl+C")
        assert "none-any.whl[console]'" in project.said()
        assert str(project.folder / "supervisor") in " ".join(project.named("pqkit.supervise.daemon")[0].cmdline())
        assert project.pqkit("enqueue", "greet", "--arg", "name=Ada").returncode == 0
        greeted = ("jobs", "list", "--task", "greet", "--json")
        wait_until(lambda: '"completed"' in project.pqkit(*greeted).stdout, what="the sample task's end")
        up.send_signal(signal.SIGINT)
        assert up.wait(PATIENCE) == 0
        assert project.processes() == []
    finally:
        project.kill()


def test_init_refuses_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    refused = subprocess.run(
        [sys.executable, "-m", "pqkit", "init", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert refused.returncode == 2
    assert refused.stderr.strip() == f"pqkit: {tmp_path} is not an empty folder: name a new one"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_lock_holds_hashes_and_no_address() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = [line for line in lock.splitlines() if line and not line.startswith(" ")]
    assert pinned
    assert all("==" in line and line.endswith("\\") for line in pinned)
