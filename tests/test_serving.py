"""Serving the consoles: how they start and end, what is said where they cannot, and what a page may not do."""

import ast
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from pqkit.cli.dashboards import load
from pqkit.queue import Queue, get_queue
from pqkit.supervise import workspace
from tests.consoles import answers, start
from tests.support import PATIENCE, free_port, wait_until

REPO = Path(__file__).parent.parent


def test_the_consoles_end_on_sigterm(queue: Queue, tmp_path: Path) -> None:
    ports = {"ops": free_port(), "manager": free_port()}
    process = start(queue, tmp_path, "ops", **ports)
    wait_until(lambda: process.poll() is not None or answers(ports["ops"]), what="the console's start")
    assert not answers(ports["manager"])
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    assert (tmp_path / "errors").read_text() == ""
    assert f"http://127.0.0.1:{ports['ops']}" in (tmp_path / "output").read_text()


def test_a_taken_port_is_one_clear_line(queue: Queue, tmp_path: Path) -> None:
    ports = {"ops": free_port(), "manager": free_port()}
    with socket.create_server(("127.0.0.1", ports["manager"])):
        assert start(queue, tmp_path, **ports).wait(PATIENCE) == 2
    said = (tmp_path / "errors").read_text()
    assert said.count("\n") == 1
    assert f"port {ports['manager']} on 127.0.0.1 cannot be used" in said


def test_without_panel_one_line_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['panel'] = None; sys.argv[1:] = ['dashboards']; from pqkit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "[console]'" in done.stderr


def writes(source: str) -> set[str]:
    """The names in it by which a queue is changed."""
    names = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    return names & {"operator", "enqueue", "enqueue_many", "leases", "upkeep", "session", "write"}


def test_a_page_without_a_login_changes_nothing_but_its_scratch_queue_and_asks_for_investigations() -> None:
    allowed = {"investigate.py": {"operator", "enqueue"}, "try_it.py": {"enqueue", "leases"}}
    allowed["websockets.py"] = {"session"}  # a visitor's, not the database's
    for file in [*(REPO / "dashboards").glob("*.py"), *(REPO / "dashboards" / "ops").glob("*.py")]:
        assert writes(file.read_text()) == allowed.get(file.name, set()), file
    assert writes("feed.queue().operator('me').cancel([1])")


def test_a_page_leaves_no_watcher_on_the_server() -> None:
    load(REPO / "dashboards")
    from panel.io.state import state

    from dashboards import theme

    def watchers() -> int:
        return len(state.param.watchers.get("busy", {}).get("value", []))

    before = watchers()
    page = theme.make_page("a page")
    assert watchers() == before
    theme.pmui.Page(title="a bare page")
    assert watchers() == before + 1
    assert page.busy is False


MOUNT = """
import sys
import panel as pn
from pqkit.cli.dashboards import apps
pn.serve(apps(), port=int(sys.argv[1]), show=False, websocket_origin="*")
"""


def test_the_consoles_can_be_mounted_in_a_server_of_ones_own(tmp_path: Path) -> None:
    url, port = f"sqlite:///{tmp_path}/queue.db", free_port()
    get_queue(url).close()
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", MOUNT, str(port)], env={**os.environ, "PQKIT_URL": url}, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: server.poll() is not None or workspace.listens("127.0.0.1", port), what="the server")
        for name in ("ops", "manager"):
            with urlopen(f"http://127.0.0.1:{port}/{name}") as answer:
                assert b"pqkit" in answer.read()
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://127.0.0.1:{port}/components/antigravity/a/_css/b")
        assert b"Traceback" not in (tmp_path / "log").read_bytes()
    finally:
        server.terminate()
        server.wait(PATIENCE)
