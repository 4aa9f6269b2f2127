"""`pqkit up` as its user meets it: real processes, from the first line to the last one gone."""

import getpass
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from pqkit.cleanup.file_stamps import STAMP
from pqkit.queries import trail, workers
from pqkit.queue import get_queue
from pqkit.supervise import workspace
from tests.support import PATIENCE, free_port, wait_until

MARK = "PQKIT_TEST_MARK"


class Project:
    """A working folder, and `pqkit` commands in it whose processes carry a mark in their environment."""

    def __init__(self, folder: Path, program: Sequence[str | Path] = (sys.executable, "-m", "pqkit")) -> None:
        self.folder, self.program, self.mark = folder, program, uuid.uuid4().hex
        self.ports = [free_port() for _ in range(3)]
        self.environment = os.environ | {
            MARK: self.mark,
            "PQKIT_WORKERS": "2",
            "PQKIT_MAX_WORKERS": "4",
            "PQKIT_PRODUCER_EVERY": "0.3",
            "PQKIT_OPS_PORT": str(self.ports[0]),
            "PQKIT_MANAGER_PORT": str(self.ports[1]),
            "PQKIT_API_PORT": str(self.ports[2]),
        }
        self.running: subprocess.Popen[bytes] | None = None

    def up(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        with self.output.open("wb") as output:
            self.running = subprocess.Popen(
                [*self.program, "up", *arguments],
                cwd=self.folder,
                env=self.environment | environment,
                stdout=output,
                stderr=output,
            )
        return self.running

    def wait_for(self, words: str) -> None:
        """Wait until `pqkit up` has said that."""
        wait_until(lambda: words in self.said() or self._ended(), what=f"{words!r} in what `pqkit up` says")
        assert words in self.said(), self.said()

    def pqkit(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.program, *arguments],
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def said(self) -> str:
        return self.output.read_text()

    def processes(self) -> list[psutil.Process]:
        """Every living process that was started by this project's commands."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def named(self, words: str) -> list[psutil.Process]:
        return [process for process in self.processes() if words in _command(process)]

    def started(self, words: str = "") -> list[psutil.Process]:
        """The same without the helpers that workers fork, which have their worker's command line."""
        return [process for process in self.named(words) if not _is_forked(process)]

    def drains(self) -> bool:
        """Whether each worker that is left has heard that it is to stop."""
        queue = get_queue(f"sqlite:///{self.folder}/data/queue.db")
        left = workers(queue.database)
        queue.close()
        return all(worker.stopping for worker in left)

    def stamped(self) -> list[str]:
        files = (self.folder / "data" / "files").glob("*.txt")
        return [path.name for path in files if STAMP.match(path.read_bytes())]

    def kill(self) -> None:
        """Everything at one moment: all are stopped first, so that none can still answer another's death."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in self.processes():
                with suppress(psutil.Error):
                    process.send_signal(number)
        wait_until(lambda: not self.processes(), what="the end of all processes")
        if self.running is not None:
            self.running.wait(PATIENCE)

    def _ended(self) -> bool:
        return self.running is not None and self.running.poll() is not None

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == self.mark
        except psutil.Error:
            return False


def _command(process: psutil.Process) -> str:
    """Its command line; empty where it has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _is_forked(process: psutil.Process) -> bool:
    """Whether it runs as its parent does."""
    try:
        parent = process.parent()
    except psutil.Error:
        return False
    return parent is not None and _command(parent) == _command(process)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "a project"
    folder.mkdir()
    made = Project(folder)
    yield made
    made.kill()
    workspace._remove(
        folder / workspace.RUN / workspace.SOCKET
    )  # with the short folder behind it, which a killed `up` leaves


def test_the_demo_stamps_files_and_ctrl_c_leaves_no_process(project: Project) -> None:
    up = project.up("--demo", "--no-consoles")
    wait_until(lambda: len(project.stamped()) >= 2, what="stamped files")
    project.wait_for("stop             Ctrl+C")
    expected = "itself, supervisord, two workers, the producer, the REST interface"
    wait_until(lambda: len(project.started()) == 6, what=expected)

    second = project.pqkit("up", "--demo", "--no-consoles")
    assert second.returncode == 2
    assert f"runs in this folder already (pid {up.pid})" in second.stderr
    assert len((second.stdout + second.stderr).strip().splitlines()) == 1

    assert "worker_02, worker_03" in project.pqkit("workers", "scale", "4").stdout.replace(" and", ",")
    wait_until(lambda: len(project.started("--name worker_")) == 4, what="four workers")
    assert project.pqkit("workers", "restart", "worker_03", "--reason", "as a drill").returncode == 0
    queue = get_queue(f"sqlite:///{project.folder}/data/queue.db")
    on_record = {entry.verb: (entry.who, entry.reason) for entry in trail(queue.database)}
    queue.close()
    assert on_record["scale_workers"] == (getpass.getuser(), None)
    assert on_record["restart_process"] == (getpass.getuser(), "as a drill")
    (victim,) = project.started("--name worker_01")
    victim.kill()
    project.wait_for(" worker_01 ")  # how it is said depends on when Supervisor was asked

    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE) == 0
    assert project.processes() == []
    assert project.said().strip().endswith("Stopped.")
    assert not [path for path in (project.folder / "data").iterdir() if path.name.startswith("supervisor")]


def test_consoles_and_rest_answer_and_end_even_when_all_above_them_is_killed(project: Project) -> None:
    up = project.up("--demo")
    project.wait_for("stop             Ctrl+C")
    assert re.search(r"first login +admin, with the password \S{24}\n", project.said())
    with urlopen(f"http://127.0.0.1:{project.ports[2]}/readyz", timeout=PATIENCE) as answer:
        assert answer.status == 200
    for name, port in zip(("ops", "manager"), project.ports, strict=False):
        address = f"http://127.0.0.1:{port}"
        assert f"{name} console".ljust(17) + address in project.said()
        with urlopen(address, timeout=PATIENCE) as page:
            assert page.status == 200
    supervisord = project.named("pqkit.supervise.daemon")[0]
    up.kill()
    with suppress(psutil.NoSuchProcess):  # the end of `pqkit up` may have ended it
        supervisord.kill()
    up.wait(PATIENCE)
    wait_until(lambda: not project.processes(), what="the end of all processes")


def test_a_taken_port_is_one_line_that_names_the_setting(project: Project) -> None:
    with socket.create_server(("127.0.0.1", project.ports[0])):
        refused = project.pqkit("up", "--demo")
    assert refused.returncode == 2
    assert refused.stderr.strip() == (
        f"pqkit: port {project.ports[0]} on 127.0.0.1 is taken: "
        "end what listens there or set PQKIT_OPS_PORT to another port"
    )
    assert project.processes() == []


def test_up_recovers_after_everything_was_killed(project: Project) -> None:
    project.up("--demo", "--no-consoles")
    project.wait_for("stop             Ctrl+C")
    project.kill()
    up = project.up("--demo", "--no-consoles")
    before = len(project.stamped())
    project.wait_for("stop             Ctrl+C")
    assert "removed data/supervisor.sock, left by a `pqkit up` that was killed" in project.said()
    wait_until(lambda: len(project.stamped()) > before, what="more stamped files")
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE) == 0


def test_up_ends_what_is_left_when_supervisord_dies(project: Project) -> None:
    up = project.up("--demo", "--no-consoles")
    project.wait_for("stop             Ctrl+C")
    project.named("pqkit.supervise.daemon")[0].kill()
    assert up.wait(PATIENCE) == 2
    assert "supervisord has died" in project.said()
    assert project.processes() == []


def test_nothing_is_left_when_up_itself_is_killed(project: Project) -> None:
    up = project.up("--demo", "--no-consoles")
    project.wait_for("stop             Ctrl+C")
    up.kill()
    up.wait(PATIENCE)
    wait_until(lambda: not project.processes(), what="the end of all processes")


def test_workers_that_cannot_start_are_one_line_with_the_reason(project: Project) -> None:
    up = project.up("--no-consoles", PQKIT_TASKS="no_such_module")
    assert up.wait(PATIENCE) == 2
    last = project.said().strip().splitlines()[-1]
    assert last.startswith("pqkit: no worker starts: ")
    assert "no_such_module" in last
    assert project.processes() == []


def test_a_group_that_is_told_to_stop_at_once_lets_its_handlers_end(project: Project) -> None:
    """As systemd does it: `pqkit up`, supervisord and the workers get SIGTERM together."""
    (project.folder / "waiting.py").write_text(
        "import pathlib, time\nfrom pqkit import task\n\n\n@task(max_retries=0)\ndef waiting() -> None:\n"
        "    pathlib.Path('begun').touch()\n"
        "    while not pathlib.Path('go').exists():\n        time.sleep(0.01)\n"
    )
    up = project.up("--no-consoles", "--no-api", PQKIT_TASKS="waiting", PQKIT_GRACE="300")
    project.wait_for("stop             Ctrl+C")
    project.pqkit("enqueue", "waiting")
    wait_until((project.folder / "begun").exists, what="the job's start")
    for process in [(head := psutil.Process(up.pid)), *head.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    wait_until(project.drains, what="a worker that knows that it is to stop")
    (project.folder / "go").touch()
    assert up.wait(PATIENCE) == 0
    assert project.processes() == []
    assert '"completed"' in project.pqkit("jobs", "list", "--json").stdout


def test_a_second_ctrl_c_ends_what_drains_and_its_job_goes_back(project: Project) -> None:
    (project.folder / "slow.py").write_text(
        "import pathlib, time\nfrom pqkit import task\n\n\n@task\ndef slow() -> None:\n"
        "    pathlib.Path('begun').touch()\n    time.sleep(600)\n"
    )
    up = project.up("--no-consoles", PQKIT_TASKS="slow", PQKIT_GRACE="300")
    project.wait_for("stop             Ctrl+C")
    project.pqkit("enqueue", "slow")
    wait_until((project.folder / "begun").exists, what="the slow job's start")
    up.send_signal(signal.SIGINT)
    project.wait_for("Ctrl+C again ends them at once")
    wait_until(project.drains, what="a worker that knows that it is to stop")
    wait_until(lambda: "Ending them now" in project.said() or up.send_signal(signal.SIGINT), what="the second wish")
    assert up.wait(PATIENCE) == 0
    assert project.processes() == []
    assert '"pending"' in project.pqkit("jobs", "list", "--json").stdout


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"PQKIT_WORKERS": "5"}, "5 workers are more than PQKIT_MAX_WORKERS allows (4)"),
        ({"PQKIT_LOGS": "output/logs"}, "output/logs cannot be written"),
        ({"PQKIT_URL": "mysql://somewhere/db"}, "mysql"),
        ({"PQKIT_OPS_PORT": "web"}, "PQKIT_OPS_PORT"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_starts_nothing(
    project: Project, spoil: dict[str, str], words: str
) -> None:
    project.output.touch()
    refused = project.pqkit("up", **spoil)
    assert refused.returncode == 2
    assert words in refused.stderr
    assert len((refused.stdout + refused.stderr).strip().splitlines()) == 1
    assert project.processes() == []


def test_no_file_of_the_folder_takes_the_place_of_a_module(tmp_path: Path) -> None:
    for name in ("psutil", "json", "panel", "pqkit"):
        (tmp_path / f"{name}.py").write_text("from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n")
    (tmp_path / "shop.py").write_text("from pqkit import task\n\n@task\ndef sell():\n    return 'sold'\n")
    project = Project(tmp_path, [Path(sys.executable).parent / "pqkit"])
    try:
        project.up(PQKIT_TASKS="shop", PQKIT_WORKERS="1")
        project.wait_for("stop             Ctrl+C")
        assert project.pqkit("enqueue", "sell").returncode == 0
        wait_until(lambda: '"completed"' in project.pqkit("jobs", "list", "--json").stdout, what="the job's end")
    finally:
        project.kill()
    assert list(tmp_path.glob("*.ran")) == []
