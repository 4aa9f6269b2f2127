"""Folders and files of ours are private whatever the umask; code and settings that others may change are named."""

import ast
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pqkit import files, project_template
from pqkit.audit import archive
from pqkit.backup.create import back_up
from pqkit.backup.restore import restore
from pqkit.cli.init import lay_out
from pqkit.db import connect
from pqkit.errors import PqkitError
from pqkit.notebook import paths as notebook_place
from pqkit.queue import Queue, get_queue
from pqkit.security import encryption, file_permissions
from pqkit.settings import Settings, SettingsError, load, settings
from pqkit.supervise import workspace
from tests.cli.conftest import pqkit
from tests.support import PATIENCE, wait_until

assert pqkit

PACKAGE = Path(__file__).parents[2] / "pqkit"
NOBODY = 65_534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    """The loosest umask, with which whatever is made is open unless its maker says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private working folder."""
    tmp_path.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes_below(folder: Path) -> set[int]:
    return {mode(path) for path in folder.rglob("*") if path.is_dir()}


def a_database(folder: Path) -> None:
    get_queue(f"sqlite:///{folder}/queue.db").close()


def a_batch_of_the_archive(folder: Path) -> None:
    archive.add(folder, [{"id": 1}], 0)


def folders_of_up(folder: Path) -> None:
    workspace.make_folders([folder])


MAKERS: list[Callable[[Path], None]] = [a_database, a_batch_of_the_archive, folders_of_up]


@pytest.mark.sqlite
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_folder_and_all_the_parents_that_it_lacked_are_private(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "one" / "two" / "three")
    assert modes_below(tmp_path / "one") | {mode(tmp_path / "one")} == {0o700}


def test_folders_of_runs_and_of_written_notebooks_are_private(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PQKIT_RUNS", "far/away/runs")
    monkeypatch.setenv("PQKIT_NOTEBOOKS", "near/by/notebooks")
    notebook_place.new_run("a")
    notebook_place.first_folder()
    assert modes_below(here) == {0o700}


@pytest.mark.sqlite
def test_a_backup_is_restored_into_a_private_folder(queue: Queue, tmp_path: Path) -> None:
    backup = back_up(queue.database, tmp_path / "backup.db").path
    restore(backup, connect(f"sqlite:///{tmp_path}/far/away/queue.db"), rescue_after=0)
    assert modes_below(tmp_path / "far") == {0o700}
    assert mode(tmp_path / "far") == 0o700


def test_only_one_function_makes_folders() -> None:
    """Another one would forget the parents: ``mkdir``'s mode is that of the last folder alone."""
    elsewhere = {
        PACKAGE / "files.py",
        PACKAGE / "lab" / "harness" / "cgroup.py",
    }  # the second is in the kernel's own tree
    calls = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        if file not in elsewhere and "kit" not in file.relative_to(PACKAGE).parts[:-1]
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"mkdir", "makedirs"}
    ]
    assert calls == []


def test_init_writes_nothing_that_others_may_change(tmp_path: Path) -> None:
    lay_out(tmp_path / "new" / "ops")
    made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert len(made) > 10
    assert {mode(path) for path in made if path.is_dir()} == {0o700}
    assert {mode(path) for path in made if path.is_file()} == {0o644}


def test_init_closes_an_empty_folder_that_was_open(tmp_path: Path) -> None:
    (tmp_path / "ops").mkdir(mode=0o777)
    lay_out(tmp_path / "ops")
    assert mode(tmp_path / "ops") & 0o022 == 0


def env(text: str, file_mode: int) -> None:
    Path(".env").write_text(text)
    Path(".env").chmod(file_mode)


SECRETS = [
    "PQKIT_KEYS=abc",
    "PQKIT_URL=postgresql+psycopg://ada:hunter2@host/queue",
    "PQKIT_URL='postgresql+psycopg://host/queue?user=ada&password=hunter2'",
    "export DB_PASSWORD=hunter2",
    "OTEL_EXPORTER_OTLP_HEADERS=x-team=hunter2",
    "API_TOKEN=abc",
    "MYPASSWORD=abc",
    "DB_PW=abc",
    "GITHUB=ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "SENTRY=https://0123456789abcdef0123@sentry.io/1",
    "PQKIT_URL='postgresql+psycopg://host/queue?user=ada&%70assword=hunter2'",
    "OTEL_EXPORTER_OTLP_HEADERS='authorization=Basic abc'",
]


@pytest.mark.parametrize("file_mode", [0o666, 0o644, 0o640, 0o620, 0o604])
@pytest.mark.parametrize("text", SECRETS)
def test_secrets_in_a_settings_file_that_others_may_use_are_refused(here: Path, text: str, file_mode: int) -> None:
    env(text, file_mode)
    with pytest.raises(SettingsError) as refused:
        load()
    assert f"mode {file_mode:04o}: chmod 600 .env" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)
    env(text, 0o600)
    assert isinstance(load(), Settings)


@pytest.mark.parametrize("text", ["PQKIT_TASKS=mine", "PQKIT_KEY_FILE=/etc/keys", "PQKIT_KEYS=", "# PQKIT_KEYS=abc"])
def test_a_settings_file_without_secrets_may_be_read_by_all(here: Path, text: str) -> None:
    env(text, 0o644)
    assert isinstance(load(), Settings)


@pytest.mark.parametrize(
    "text", ['keys = ["abc"]', 'url = "postgresql+psycopg://ada:hunter2@host/queue"', 'keys = "abc,def"']
)
def test_secrets_in_pyproject_that_others_may_use_are_refused(here: Path, text: str) -> None:
    file = Path("pyproject.toml")
    file.write_text(f"[tool.pqkit]\n{text}\n")
    file.chmod(0o644)
    with pytest.raises(SettingsError, match=r"pyproject.toml holds secrets .*chmod 600 pyproject.toml") as refused:
        load()
    assert "hunter2" not in str(refused.value)
    file.chmod(0o600)
    assert isinstance(load(), Settings)


@pytest.mark.parametrize("text", ["[tool.other]\npassword = 'abc'", "[tool.pqkit]\nslots = 3"])
def test_a_pyproject_without_our_secrets_may_be_read_by_all(here: Path, text: str) -> None:
    Path("pyproject.toml").write_text(text)
    Path("pyproject.toml").chmod(0o644)
    assert isinstance(load(), Settings)


def test_settings_that_are_no_table_are_refused_by_name(here: Path) -> None:
    Path("pyproject.toml").write_text("[tool]\npqkit = 1")
    with pytest.raises(SettingsError, match=r"\[tool.pqkit\] is not a table"):
        load()


def a_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def without_end(path: Path) -> None:
    path.symlink_to("/dev/zero")


def too_long(path: Path) -> None:
    path.write_text("# \n" * 1_000_000)
    path.chmod(0o600)


@pytest.mark.parametrize("make", [a_pipe, without_end, too_long])
@pytest.mark.parametrize("name", [".env", "pyproject.toml", "keys"])
def test_a_file_of_settings_or_keys_that_never_ends_is_refused_in_one_line(
    here: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(Path(name))
    done = subprocess.run(
        [sys.executable, "-m", "pqkit", "keys", "new", "keys"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"{name} is " in done.stderr


def test_a_folder_named_like_the_settings_file_is_left_alone(here: Path) -> None:
    Path(".env").mkdir()
    assert isinstance(load(), Settings)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_linked_folder_is_followed_only_where_nobody_else_may_change_it(
    here: Path, make: Callable[[Path], None]
) -> None:
    """As after unpacking an archive that brings the link; a link to one's own folder on another disk works."""
    (here / "disk").mkdir(mode=0o777)
    (here / "data").symlink_to(here / "disk")
    for folder in (here / "data", here / "data" / "below"):
        with pytest.raises(PqkitError, match=r"data is a link to .*/disk, which others may change"):
            make(folder)
    (here / "disk").chmod(0o700)
    make(here / "data")
    make(here / "data" / "below")


@root_only
def test_a_folder_linked_to_another_user_s_is_refused(here: Path) -> None:
    (here / "disk").mkdir(mode=0o700)
    os.chown(here / "disk", NOBODY, -1)
    (here / "data").symlink_to(here / "disk")
    with pytest.raises(files.UnsafePath, match="belongs to user"):
        files.private_folder(here / "data")


def test_the_folder_of_the_key_file_that_others_may_change_is_found(here: Path, monkeypatch: Any) -> None:
    (here / "secret").mkdir()
    (here / "secret").chmod(0o770)
    monkeypatch.setenv("PQKIT_KEY_FILE", "secret/keys")
    assert [each.found for each in file_permissions.exposed()] == [f"{here / 'secret'} has mode 0770"]


@root_only
def test_secrets_in_a_settings_file_of_another_user_are_refused(here: Path) -> None:
    env("PQKIT_KEYS=abc", 0o600)
    os.chown(".env", NOBODY, -1)
    with pytest.raises(SettingsError, match=r"\.env belongs to user"):
        load()


@root_only
def test_a_key_file_of_another_user_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encryption.new_key(Path("keys"))
    os.chown("keys", NOBODY, -1)
    monkeypatch.setenv("PQKIT_KEY_FILE", "keys")
    encryption.forget()
    with pytest.raises(encryption.KeyMissing, match="belongs to user"):
        encryption.has_keys()
    encryption.forget()


@pytest.mark.parametrize("command", [["jobs", "list"], ["keys", "list"], ["worker"], ["enqueue", "a"], ["doctor"]])
def test_a_command_refuses_open_secrets_in_one_line(here: Path, command: list[str]) -> None:
    env("PQKIT_KEYS=abc", 0o666)
    done = subprocess.run(
        [sys.executable, "-m", "pqkit", *command], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "chmod 600 .env" in done.stderr
    assert "abc" not in done.stderr


def project(here: Path) -> None:
    """A laid-out project of whose files nobody else may change any."""
    lay_out(here / "ops")
    os.chdir(here / "ops")
    shutil.copytree(project_template.root() / "dashboards", "dashboards", copy_function=shutil.copyfile)
    for path in (Path("dashboards"), *Path("dashboards").rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    with Path("pyproject.toml").open("a") as file:
        file.write('dashboards = "dashboards"\n')
    Path("jobs").mkdir(mode=0o700)
    for name in ("jobs/__init__.py", "jobs/nightly.py"):
        Path(name).touch(0o600)
    env("PQKIT_TASKS=tasks,jobs.nightly", 0o600)


OPENED = [
    ".",
    ".env",
    "tasks.py",
    "pyproject.toml",
    "jobs",
    "jobs/__init__.py",
    "jobs/nightly.py",
    "dashboards",
    "dashboards/manager/login.py",
    "notebooks",
    "notebooks/tour.ipynb",
    "supervisor/supervisord.conf",
]


@pytest.mark.parametrize("bit", [0o020, 0o002])
@pytest.mark.parametrize("name", OPENED)
def test_whatever_others_may_change_is_found(here: Path, monkeypatch: Any, name: str, bit: int) -> None:
    monkeypatch.chdir(here)
    project(here)
    assert file_permissions.exposed() == []
    path = Path(name).absolute()
    path.chmod(mode(path) | bit)
    assert [(each.found, each.mend) for each in file_permissions.exposed()] == [
        (f"{path} has mode {mode(path):04o}", f"chmod go-w {path}")
    ]


@root_only
def test_what_belongs_to_another_user_is_found_and_what_belongs_to_root_is_not(here: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(here)
    project(here)
    os.chown("tasks.py", NOBODY, -1)
    assert [each.mend for each in file_permissions.exposed()] == [f"chown 0 {Path('tasks.py').absolute()}"]
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    assert file_permissions.exposed() == [], "whoever became root by sudo runs what is his own"
    monkeypatch.delenv("SUDO_UID")
    os.chown("tasks.py", 0, -1)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    assert file_permissions.exposed() == [], "in a container code belongs to root"


def test_a_folder_above_that_anybody_may_replace_this_one_in_is_found(here: Path, monkeypatch: Any) -> None:
    (here / "open" / "mine").mkdir(parents=True, mode=0o700)
    (here / "open").chmod(0o777)
    (here / "open" / "mine").chmod(0o700)
    monkeypatch.chdir(here / "open" / "mine")
    assert [each.found for each in file_permissions.exposed()] == [f"{here / 'open'} has mode 0777"]
    (here / "open").chmod(0o1777)
    assert file_permissions.exposed() == []


@pytest.mark.sqlite
def test_a_worker_warns_of_code_that_others_may_change_and_the_doctor_finds_it(here: Path) -> None:
    Path("mine.py").write_text("from pqkit import task\n\n\n@task\ndef go() -> None: ...\n")
    Path("mine.py").chmod(0o666)
    program = [sys.executable, "-m", "pqkit"]
    with Path("said").open("wb") as output:
        worker = subprocess.Popen([*program, "worker", "--tasks", "mine"], stdout=output, stderr=output)
    try:
        wait_until(lambda: "others may change" in Path("said").read_text(), what="the warning")
        assert "mine.py has mode 0666" in Path("said").read_text()
    finally:
        worker.terminate()
        worker.wait(PATIENCE)
    done = subprocess.run([*program, "doctor"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert "chmod go-w" in " ".join(done.stdout.split())


@pytest.mark.sqlite
@pytest.mark.parametrize("setting", ["files", "logs", "runs", "archive", "backups"])
def test_the_doctor_finds_every_folder_that_others_may_use(
    pqkit: Any, tmp_path: Path, queue: Queue, setting: str
) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    told = pqkit("doctor", "--json", **{setting.upper(): str(tmp_path / "open")}).json
    assert [one["mend"] for one in told if one["check"] == "modes" and "open" in one["found"]] == [
        f"chmod 700 {tmp_path}/open"
    ]


def test_a_file_of_ours_is_no_link_and_has_one_name(tmp_path: Path) -> None:
    (tmp_path / "treasure").write_text("gold")
    (tmp_path / "link").symlink_to(tmp_path / "treasure")
    os.link(tmp_path / "treasure", tmp_path / "second name")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "second name", "pipe"):
        with pytest.raises(files.UnsafePath, match=name):
            files.open_own(tmp_path / name, os.O_RDWR)
    os.close(files.open_own(tmp_path / "own", os.O_RDWR))
    assert mode(tmp_path / "own") == 0o600


LATER = "def later():\n    import colorsys, neighbour\n    return colorsys.__file__, neighbour.__file__\n"
IMPORT = """
import os, sys
from pqkit.worker.task_import import import_from
before = list(sys.path)
module = import_from(os.getcwd(), "own_tasks")
print(*module.later(), sys.path[:len(before)] == before)
"""


def test_what_a_task_imports_later_is_the_library_and_no_file_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "own_tasks.py").write_text(LATER)
    for name in ("colorsys", "neighbour"):
        (tmp_path / f"{name}.py").write_text("")
    command = [sys.executable, "-P", "-c", IMPORT]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    library, neighbour, is_kept = done.stdout.split()
    assert Path(library).parent != tmp_path
    assert Path(neighbour) == tmp_path / "neighbour.py"
    assert is_kept == "True"
