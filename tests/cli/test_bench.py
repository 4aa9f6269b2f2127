"""``pqkit bench`` as its user meets it."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from pqkit.bench import QUICK
from pqkit.bench.targets import Bar
from pqkit.lab.harness.fleet import carrying
from tests.cli.support import PROGRAM, Pqkit
from tests.support import PATIENCE, wait_until

pytestmark = pytest.mark.sqlite

MARK = "BENCH_OF_THE_TEST"


def test_the_command_prints_json_alone_and_leaves_the_users_queue_as_it_is(pqkit: Pqkit, tmp_path: Path) -> None:
    pqkit("enqueue", "add")
    before = sorted(tmp_path.rglob("*"))
    done = pqkit("bench", "--quick", "--only", "enqueue", "--durability", "normal", "--json")
    assert done.code == 0, done
    assert [row["figure"] for row in done.json] == ["enqueue one", "enqueue many"]
    assert {row["durability"] for row in done.json} == {"normal"}
    assert sorted(tmp_path.rglob("*")) == before
    assert [job["state"] for job in pqkit("jobs", "list", "--json").json] == ["pending"]


def test_a_missed_bar_is_exit_code_1_where_it_is_asked_for(pqkit: Pqkit, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("bench", "--rounds", "1", "--only", "enqueue", "--durability", "normal")
    monkeypatch.setattr("pqkit.bench.WHOLE", QUICK)
    for limit, code, verdict in ((0, 0, "met"), (1e9, 1, "missed")):
        made_up = [Bar("enqueue one", ("normal",), "ratio", limit, limit, "made up")]
        monkeypatch.setattr("pqkit.bench.bars", lambda *, on_a_server, made_up=made_up: () if on_a_server else made_up)
        done = pqkit(*asked, "--check")
        assert done.code == code
        assert verdict in done.out
        assert pqkit(*asked).code == 0


def test_bad_input_is_one_clear_line(pqkit: Pqkit, tmp_path: Path) -> None:
    pqkit("enqueue", "add")
    done = pqkit("bench", "--url", f"sqlite:///{tmp_path}/data/queue.db")
    assert done.is_one_clear_line
    assert "holds 1 job" in done.err
    assert pqkit("bench", "--only", "everything").is_one_clear_line
    assert pqkit("bench", "--quick", "--check").is_one_clear_line
    assert pqkit("bench", "--url", "mysql://x").is_one_clear_line


def test_ctrl_c_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    environment = {**os.environ, MARK: str(tmp_path)}
    arguments = [PROGRAM, "bench", "--quick", "--rounds", "100000", "--only", "alone"]
    program = subprocess.Popen(arguments, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL, process_group=0)
    try:
        wait_until(lambda: list(tmp_path.glob("pqkit-bench-*/*/w0.log")), what="the first worker")
        wait_until(lambda: ended_by_ctrl_c(program), 3 * PATIENCE, "the end of the program")
    finally:
        program.kill()
    assert program.returncode == 130
    wait_until(lambda: not carrying(MARK, str(tmp_path)), what="the end of all processes")
    assert not list(tmp_path.iterdir())


def ended_by_ctrl_c(program: "subprocess.Popen[bytes]") -> bool:
    """Press it, and once more if that was too early or not heard, as a person would."""
    os.killpg(program.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        program.wait(PATIENCE)
    return program.returncode is not None
