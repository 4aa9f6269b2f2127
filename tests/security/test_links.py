"""Links that somebody has planted: what they name is neither removed, emptied, written nor taken for ours."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pqkit.audit import archive
from pqkit.backup import backup_folder as backups
from pqkit.backup.create import back_up
from pqkit.domain.context import Context
from pqkit.domain.outcomes import completed
from pqkit.domain.states import JobState
from pqkit.errors import Refused
from pqkit.files import write_durably, write_new
from pqkit.incidents.replay_record import Story
from pqkit.notebook import execute as notebook_run
from pqkit.notebook import run_store
from pqkit.notebook.generate import job_notebook
from pqkit.queue import Queue
from pqkit.security import encryption
from pqkit.supervise import NoSupervisor, Supervisor, workspace
from pqkit.worker.attempt import conclude
from pqkit.worker.executor import Run as Attempt
from tests.support import PATIENCE
from tests.verbs import claim_one

GOLD = "the only copy"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of the user's with something in it that must stay as it is."""
    folder = tmp_path / "home" / "thesis"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "thesis.txt").write_text(GOLD)
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder of `pqkit up`, whose name is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="pq-") as short:
        folder = Path(short)
        workspace.make_folders([folder / "data", folder / "logs"])
        monkeypatch.chdir(folder)
        yield folder
        monkeypatch.undo()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for temporary files, which is this test's own and has a name that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="pq-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def is_untouched(victim: Path) -> bool:
    return [path.name for path in victim.iterdir()] == ["thesis.txt"] and (victim / "thesis.txt").read_text() == GOLD


def pqkit(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-m", "pqkit", *arguments]
    return subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE, check=False)


LEFT = ["supervisor.sock", "supervisord.pid"]


@pytest.mark.parametrize("name", LEFT)
@pytest.mark.parametrize("leads_to", ["thesis.txt", "nothing-there", "."])
def test_up_removes_a_planted_link_and_not_what_it_names(here: Path, victim: Path, name: str, leads_to: str) -> None:
    (here / "data" / name).symlink_to(victim / leads_to)
    said: list[str] = []
    with workspace.fresh_socket(1, said.append):
        assert not (here / "data" / name).is_symlink()
    assert is_untouched(victim)
    assert said == [f"removed data/{name}, left by a `pqkit up` that was killed"]


def test_a_link_that_comes_while_up_runs_is_removed_alone(here: Path, victim: Path) -> None:
    with workspace.fresh_socket(1, print):
        (here / "data" / "supervisor.sock").symlink_to(victim / "thesis.txt")
    assert is_untouched(victim)


def dead_socket(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "supervisor.sock"))
    return folder


def test_the_short_folder_of_a_killed_up_is_removed_with_its_socket(here: Path, short: Path) -> None:
    folder = dead_socket(short / "pqkit-up-abcd1234")
    (here / "data" / "supervisor.sock").symlink_to(folder / "supervisor.sock")
    with workspace.fresh_socket(1, print):
        assert not folder.exists()


def opened(folder: Path) -> Path:
    folder.chmod(0o755)
    return folder


def with_more_in_it(folder: Path) -> Path:
    (folder / "thesis.txt").write_text(GOLD)
    return folder


def with_a_file_named_as_the_socket(folder: Path) -> Path:
    (folder / "supervisor.sock").unlink()
    (folder / "supervisor.sock").write_text(GOLD)
    return folder


def renamed(folder: Path) -> Path:
    return folder.rename(folder.with_name("pqkit-lab-abcd1234"))


def reached_by_a_link(folder: Path) -> Path:
    real = folder.rename(folder.with_name("real"))
    folder.symlink_to(real)
    return folder


ODD: list[Callable[[Path], Path]] = [
    opened,
    with_more_in_it,
    with_a_file_named_as_the_socket,
    renamed,
    reached_by_a_link,
]


@pytest.mark.parametrize("change", ODD, ids=lambda change: change.__name__)
def test_a_folder_that_is_not_as_up_makes_it_stays(here: Path, short: Path, change: Callable[[Path], Path]) -> None:
    folder = change(dead_socket(short / "pqkit-up-abcd1234"))
    before = sorted(path.name for path in folder.iterdir())
    (here / "data" / "supervisor.sock").symlink_to(folder / "supervisor.sock")
    with workspace.fresh_socket(1, print):
        assert sorted(path.name for path in folder.iterdir()) == before


def test_a_short_folder_elsewhere_than_in_the_temporary_folder_stays(here: Path, short: Path) -> None:
    (short / "deep").mkdir(mode=0o700)
    folder = dead_socket(short / "deep" / "pqkit-up-abcd1234")
    (here / "data" / "supervisor.sock").symlink_to(folder / "supervisor.sock")
    with workspace.fresh_socket(1, print):
        assert (folder / "supervisor.sock").exists()


@pytest.mark.parametrize("name", LEFT)
def test_a_folder_in_the_place_of_a_file_of_up_is_named_and_stays(here: Path, name: str) -> None:
    (here / "data" / name).mkdir()
    with pytest.raises(Refused, match=f"data/{name} is nothing that pqkit made"):
        workspace.fresh_socket(1, print).__enter__()
    assert (here / "data" / name).is_dir()


def test_no_command_is_sent_to_a_socket_that_a_planted_link_names(here: Path, short: Path) -> None:
    """It may be another user's Supervisor, or the socket of any other service."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short / "other.sock"))
        listener.listen()
        listener.setblocking(False)
        (here / "data" / "supervisor.sock").symlink_to(short / "other.sock")
        with pytest.raises(NoSupervisor, match="is a link that `pqkit up` has not made"):
            Supervisor.connect()
        with pytest.raises(BlockingIOError):
            listener.accept()


def link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def second_name(path: Path, target: Path) -> None:
    os.link(target, path)


@pytest.mark.parametrize("plant", [link, second_name])
def test_a_planted_lock_file_keeps_its_targets_content(
    here: Path, victim: Path, plant: Callable[[Path, Path], None]
) -> None:
    plant(here / "data" / "up.lock", victim / "thesis.txt")
    with pytest.raises(Refused, match=r"data/up\.lock is"):
        workspace.only_one().__enter__()
    assert is_untouched(victim)


def test_up_says_in_one_line_that_a_log_file_is_a_link(here: Path, victim: Path) -> None:
    (here / "logs" / "worker_00.log").symlink_to(victim / "thesis.txt")
    done = pqkit("up", "--no-consoles", "--no-api")
    assert done.returncode == 2
    assert "worker_00.log is a link to" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert is_untouched(victim)


def test_a_log_file_with_a_second_name_is_refused(here: Path, victim: Path) -> None:
    (here / "logs" / "worker_00.log").hardlink_to(victim / "thesis.txt")
    with pytest.raises(Refused, match="another name as well"):
        workspace.refuse_links(here / "logs")


def test_a_log_file_may_be_a_link_to_a_device(here: Path) -> None:
    (here / "logs" / "worker_00.log").symlink_to("/dev/null")
    workspace.refuse_links(Path("logs"))


def test_a_file_is_written_durably_in_the_place_of_a_link(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "link").symlink_to(victim / "thesis.txt")
    write_durably(tmp_path / "link", b"new")
    assert is_untouched(victim)
    (tmp_path / "other").symlink_to(victim / "not-there")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "other", b"new")
    assert is_untouched(victim)


def test_the_record_of_a_run_is_written_in_the_place_of_links(tmp_path: Path, victim: Path) -> None:
    for name in (run_store.RECORD, f".{run_store.RECORD}", f".{run_store.RECORD}.new"):
        (tmp_path / name).symlink_to(victim / "thesis.txt")
    run_store.Run("a.ipynb", {}, {}, 0).write(tmp_path)
    assert is_untouched(victim)
    assert run_store.read(tmp_path).notebook == "a.ipynb"


def test_a_report_is_made_of_a_regular_notebook_only_and_in_the_place_of_links(tmp_path: Path, victim: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (victim / "thesis.txt").write_text(json.dumps(notebook))
    (folder / run_store.NOTEBOOK).symlink_to(victim / "thesis.txt")
    assert notebook_run.keep(folder) == {}
    assert not (folder / run_store.REPORT).exists()
    (folder / run_store.NOTEBOOK).unlink()
    (folder / run_store.NOTEBOOK).write_text(json.dumps(notebook))
    (folder / run_store.REPORT).symlink_to(victim / "thesis.txt")
    notebook_run.keep(folder)
    assert (victim / "thesis.txt").read_text() == json.dumps(notebook)
    assert not (folder / run_store.REPORT).is_symlink()


def a_story(path: Path) -> None:
    Story([], [], 1).write(path)


def a_notebook(path: Path) -> None:
    job_notebook(path, 1, [], Path())


@pytest.mark.parametrize("write", [a_story, a_notebook])
@pytest.mark.parametrize("leads_to", ["thesis.txt", "nothing-there"])
def test_what_is_written_for_a_person_never_goes_through_a_link(
    tmp_path: Path, victim: Path, write: Callable[[Path], None], leads_to: str
) -> None:
    (tmp_path / "link.json").symlink_to(victim / leads_to)
    with pytest.raises(Refused, match="is there already"):
        write(tmp_path / "link.json")
    assert is_untouched(victim)


def test_a_story_replaces_no_file(tmp_path: Path, victim: Path) -> None:
    with pytest.raises(Refused, match="is there already"):
        a_story(victim / "thesis.txt")
    assert is_untouched(victim)


@pytest.mark.parametrize("plant", [link, second_name])
def test_nothing_is_archived_into_a_planted_file(
    tmp_path: Path, victim: Path, plant: Callable[[Path, Path], None]
) -> None:
    folder = tmp_path / "archive"
    folder.mkdir(mode=0o700)
    plant(folder / f"1970-01-01-{socket.gethostname()}.jsonl.gz", victim / "thesis.txt")
    with pytest.raises(archive.ArchiveError):
        archive.add(folder, [{"id": 1}], 0)
    assert is_untouched(victim)


@pytest.mark.parametrize("name", ["../home/thesis/thesis.txt", "/etc/passwd", "pipe", "link", ".."])
def test_a_batch_is_read_from_a_regular_file_of_the_archive_only(tmp_path: Path, victim: Path, name: str) -> None:
    """Its name comes from the database: whoever writes there could have any file opened, a pipe for ever."""
    folder = tmp_path / "archive"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(victim / "thesis.txt")
    with pytest.raises(archive.ArchiveError, match="cannot be read"):
        archive.read(folder, archive.Part(name, 0, 5, ""))


def test_links_and_folders_named_as_backups_are_none_and_stay(tmp_path: Path, victim: Path) -> None:
    folder, old = tmp_path / "backups", time.time() - 400 * 86_400
    folder.mkdir()
    (folder / backups.name_for(0)).write_text("a real one")
    (folder / backups.name_for(1)).symlink_to(victim / "thesis.txt")
    (folder / backups.name_for(2)).mkdir()
    (folder / ".pqkit-lost.part").symlink_to(victim / "not-there")
    (folder / ".pqkit-half.part").write_text("half")
    os.utime(folder / ".pqkit-half.part", (old, old))
    assert backups.in_folder(folder) == [folder / backups.name_for(0)]
    backups.prune(folder, 1)
    assert not (folder / ".pqkit-half.part").exists()
    assert len(list(folder.iterdir())) == 4
    assert is_untouched(victim)


@pytest.mark.sqlite
def test_a_backup_is_not_written_through_links(queue: Queue, tmp_path: Path, victim: Path) -> None:
    (tmp_path / "backup.db").symlink_to(victim / "not-there")
    with pytest.raises(FileExistsError):
        back_up(queue.database, tmp_path / "backup.db")
    (tmp_path / ".other.db.part").symlink_to(victim / "thesis.txt")
    back_up(queue.database, tmp_path / "other.db")
    assert is_untouched(victim)


def test_a_key_file_is_written_in_the_place_of_links(tmp_path: Path, victim: Path) -> None:
    (tmp_path / ".keys.new").symlink_to(victim / "thesis.txt")
    encryption.new_key(tmp_path / "keys")
    assert is_untouched(victim)


def test_a_link_planted_in_the_place_of_a_staged_file_is_not_written_through(tmp_path: Path, victim: Path) -> None:
    (tmp_path / ".report.csv.7-1.staged").symlink_to(victim / "thesis.txt")
    ctx = Context(7, 1, "a")
    ctx.stage(tmp_path / "report.csv").write_text("new")
    assert is_untouched(victim)
    again = ctx.stage(tmp_path / "report.csv")
    assert again.read_text() == "new", "asked twice it keeps what was written"


@pytest.mark.sqlite
@pytest.mark.parametrize("leads_to", ["thesis.txt", "nothing-there"])
def test_a_link_is_never_put_in_place_of_a_staged_file(
    queue: Queue, tmp_path: Path, victim: Path, leads_to: str
) -> None:
    worker = queue.leases("w", 1, ["add"])
    worker.register()
    queue.enqueue("add")
    attempt = Attempt(claim_one(worker), 0)
    ctx = Context(attempt.claim.job_id, 1, "add")
    ctx.stage(tmp_path / "report.csv").symlink_to(victim / leads_to)
    outcome, _ = conclude(queue.database, attempt, ctx, completed(None))
    assert outcome.state is not JobState.COMPLETED
    assert is_untouched(victim)


def test_init_into_a_link_that_leads_nowhere_is_one_line(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "ops").symlink_to(victim / "nothing-there")
    done = pqkit("init", str(tmp_path / "ops"))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert is_untouched(victim)
