"""Supervisor over its socket, on a real supervisord with processes that only sleep."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pqkit.cli.up import change
from pqkit.errors import NotFound, Refused
from pqkit.supervise import NoSupervisor, Process, Supervisor, daemon, workspace
from tests.support import PATIENCE, free_port, lives, wait_until

CONFIG = """
[supervisord]
nodaemon = true
silent = true
pidfile = {folder}/supervisord.pid
logfile = {folder}/supervisord.log

[unix_http_server]
file = {folder}/supervisor.sock
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[program:worker]
command = sleep 1000
process_name = worker_%(process_num)02d
numprocs = %(ENV_PQKIT_MAX_WORKERS)s
autostart = false
startsecs = 0
stopwaitsecs = 1
autorestart = true

[program:producer]
command = sleep 1000
autostart = false
startsecs = 0
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pq-") as short:  # a socket's path has a limit
        yield Path(short)


def start_daemon(folder: Path) -> "subprocess.Popen[bytes]":
    config = folder / "supervisord.conf"
    config.write_text(CONFIG.format(folder=folder))
    with (folder / "output").open("wb") as output:
        return daemon.start(config, os.environ | {"PQKIT_MAX_WORKERS": "4"}, output)


@pytest.fixture
def supervisord(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    running = start_daemon(folder)
    yield running
    running.kill()
    daemon.end_members(running.pid, patience=2)
    running.wait()


@pytest.fixture
def supervisor(supervisord: "subprocess.Popen[bytes]", folder: Path) -> Supervisor:
    path = folder / workspace.SOCKET
    wait_until(lambda: workspace.answers(path), what="supervisord's socket")
    return Supervisor.connect(path)


def pids(supervisor: Supervisor) -> dict[str, int]:
    return {process.name: process.pid for process in supervisor.pool() if process.pid}


def test_scaling_starts_and_stops_single_workers_and_leaves_the_others_alone(supervisor: Supervisor) -> None:
    assert supervisor.scale(2) == (["worker_00", "worker_01"], [])
    first = pids(supervisor)
    assert supervisor.scale(4) == (["worker_02", "worker_03"], [])
    assert first.items() <= pids(supervisor).items()
    assert supervisor.scale(1) == ([], ["worker_01", "worker_02", "worker_03"])
    wait_until(lambda: pids(supervisor) == {"worker_00": first["worker_00"]}, what="the other workers' end")
    assert supervisor.scale(1) == ([], [])


def test_scaling_beyond_the_pool_is_refused_and_names_the_setting(supervisor: Supervisor) -> None:
    with pytest.raises(Refused, match=r"0 to 4.*PQKIT_MAX_WORKERS"):
        supervisor.scale(5)
    assert pids(supervisor) == {}


def test_a_process_is_stopped_and_restarted_by_either_of_its_names(supervisor: Supervisor) -> None:
    supervisor.scale(1)
    before = pids(supervisor)["worker_00"]
    supervisor.restart("worker:worker_00")
    assert pids(supervisor)["worker_00"] != before
    supervisor.stop("worker_00")
    wait_until(lambda: not pids(supervisor), what="the worker's end")
    with pytest.raises(Refused, match="NOT_RUNNING"):
        supervisor.stop("worker_00")
    supervisor.restart("worker_00")
    assert "worker_00" in pids(supervisor)


def test_an_unknown_process_is_refused_with_the_names_there_are(supervisor: Supervisor) -> None:
    with pytest.raises(NotFound, match=r"worker_09.*producer.*worker_00"):
        supervisor.stop("worker_09")


def test_the_socket_is_the_users_alone(supervisor: Supervisor, folder: Path) -> None:
    assert (folder / workspace.SOCKET).stat().st_mode & 0o777 == 0o700
    assert (folder / "supervisord.log").stat().st_mode & 0o077 == 0


def test_without_a_supervisor_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoSupervisor, match="no `pqkit up` runs in this folder"):
        Supervisor.connect()


def test_a_supervisor_that_is_shut_down_is_gone(supervisor: Supervisor, supervisord: "subprocess.Popen[bytes]") -> None:
    supervisor.scale(2)
    supervisor.shutdown()
    assert supervisord.wait(PATIENCE) == 0
    assert daemon.members(supervisord.pid) == []
    with pytest.raises(NoSupervisor):
        supervisor.processes()


def test_supervisord_and_all_it_runs_end_when_its_parent_is_killed(folder: Path) -> None:
    program = (
        "import pathlib, sys, tests.test_supervise as t\nt.start_daemon(pathlib.Path(sys.argv[1]))\nsys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE)
    wait_until(lambda: workspace.answers(folder / workspace.SOCKET), what="supervisord's socket")
    supervisor = Supervisor.connect(folder / workspace.SOCKET)
    supervisor.scale(3)
    everyone = [supervisor.pid(), *pids(supervisor).values()]
    assert len(everyone) == 4
    parent.kill()
    parent.communicate()
    wait_until(lambda: not any(map(lives, everyone)), what="the end of supervisord and its processes")


def test_what_a_killed_supervisord_leaves_is_ended(
    supervisor: Supervisor, supervisord: "subprocess.Popen[bytes]"
) -> None:
    supervisor.scale(3)
    left = sorted(pids(supervisor).values())
    supervisord.send_signal(signal.SIGKILL)
    supervisord.wait()
    assert sorted(process.pid for process in daemon.members(supervisord.pid)) == left
    assert sorted(daemon.end_members(supervisord.pid, patience=5)) == left
    assert daemon.members(supervisord.pid) == []


def test_a_taken_port_is_refused_with_its_setting_and_a_free_one_is_not() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(Refused, match=f"port {port} on 127.0.0.1 is taken.*PQKIT_OPS_PORT"):
            workspace.check_ports("127.0.0.1", {"PQKIT_OPS_PORT": port})
        assert workspace.listens("127.0.0.1", port)
    workspace.check_ports("127.0.0.1", {"PQKIT_OPS_PORT": port})
    assert not workspace.listens("127.0.0.1", port)


def test_two_settings_with_one_port_are_refused() -> None:
    port = free_port()
    with pytest.raises(Refused, match="PQKIT_MANAGER_PORT"):
        workspace.check_ports("127.0.0.1", {"PQKIT_OPS_PORT": port, "PQKIT_MANAGER_PORT": port})


def test_the_folders_are_private_and_one_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    workspace.make_folders([tmp_path / "data" / "files"])
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("data", "data/files")} == {0o700}
    (tmp_path / "file").touch()
    with pytest.raises(workspace.NotWritable, match="file/logs cannot be written"):
        workspace.make_folders([tmp_path / "file" / "logs"])


def test_a_folder_is_held_by_one_and_free_again_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    workspace.make_folders([workspace.RUN])
    with workspace.only_one(), pytest.raises(Refused, match=f"runs in this folder already.*pid {os.getpid()}"):
        workspace.only_one().__enter__()
    with workspace.only_one():
        pass


def test_a_stale_socket_and_pid_file_are_removed_with_a_line_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace.make_folders([workspace.RUN])
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind("data/supervisor.sock")
    Path("data/supervisord.pid").write_text("1\n")
    said: list[str] = []
    with workspace.fresh_socket(1, said.append) as path:
        assert not path.exists()
        assert not Path("data/supervisord.pid").exists()
    assert [line.split(",")[0] for line in said] == [
        "removed data/supervisor.sock",
        "removed data/supervisord.pid",
    ]


def test_a_folder_too_deep_for_a_socket_gets_a_short_private_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.chdir(deep)
    workspace.make_folders([workspace.RUN])
    with workspace.fresh_socket(1, print) as path:
        assert len(os.fsencode(path)) <= workspace.MAX_SOCKET_PATH
        assert path.parent.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            assert workspace.answers((workspace.RUN.absolute() / workspace.SOCKET).resolve())
    assert not path.parent.exists()


def test_what_happens_to_a_process_is_told_in_words() -> None:
    runs = Process("worker_01", "worker", "running", 10, 5.0)
    told = {
        change(runs, runs._replace(uptime=6.0)),
        change(runs, runs._replace(pid=11, state="starting")),
        change(runs, runs._replace(state="stopping")),
        change(runs, runs._replace(state="stopped", pid=None)),
        change(runs._replace(state="stopped", pid=None), runs),
        change(runs, runs._replace(state="backoff", pid=None)),
        change(runs._replace(state="backoff", pid=None), runs._replace(state="fatal", pid=None)),
    }
    assert told == {
        None,
        "worker_01 (pid 10) has ended and runs again as pid 11",
        "worker_01 was told to stop",
        "worker_01 has stopped",
        "worker_01 was started (pid 10)",
        "worker_01 ended soon after its start; Supervisor tries again",
        "worker_01 ends as soon as it starts, so Supervisor gave up: look into its log",
    }
