"""Nobody reaches more of a console than its page, its login and its files, and only by a name of its own."""

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dashboards import login_page
from pqkit.cli.dashboards import origins
from pqkit.queue import get_queue
from tests.consoles import Consoles, start
from tests.rest import service, token
from tests.security.attack import UPGRADE, Answer, ask, log_in, upgrade
from tests.support import PATIENCE, free_port, wait_until

REPOSITORY = Path(__file__).parent.parent.parent
TRAP = "from pathlib import Path\nPath({0!r}).write_text('ran')\n"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OPEN = {"/login", "/favicon.ico", "/static/js/bokeh.min.js", "/static/extensions/panel/panel.min.js"}
LIBRARIES = """
import json
import panel as pn
from panel.io.server import get_server
server = get_server({"/": pn.Row, "/a": pn.Row}, liveness=True, session_history=-1, static_dirs={"own": "."})
print(json.dumps([rule.matcher.regex.pattern for rule in server._tornado.wildcard_router.rules]))
"""
OURS = """
import importlib, json, sys
from pqkit import project_template
from pqkit.cli.dashboards import PACKAGE, Console, _module, _server, load
package = load(project_template.folder(PACKAGE, None))
importlib.import_module("dashboards.request_guard").use_own_routes()
servers = [_server(name, _module(package, name), port) for name, port in zip(Console, map(int, sys.argv[1:]))]
print(json.dumps([rule.matcher.regex.pattern for each in servers for rule in each._tornado.wildcard_router.rules]))
"""


def rules(code: str, folder: Path, *arguments: str) -> set[str]:
    environment = {**os.environ, "PQKIT_URL": f"sqlite:///{folder}/rules.db"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def addresses(rule: str) -> set[str]:
    """Addresses that fit a rule."""
    plain = re.sub(r"\(\?!.*?\)", "", rule.removesuffix("$")).replace("/?", "/")
    inside = ("x", "js/bokeh.min.js", "antigravity/a/_css/b", "panel/panel.min.js")
    return {re.sub(r"\(.*\)", each, plain) for each in inside}


def test_no_rule_of_either_server_answers_a_stranger_with_more_than_login_files_and_icon(
    consoles: Consoles, tmp_path: Path
) -> None:
    known = rules(LIBRARIES, tmp_path) | rules(OURS, tmp_path, str(free_port()), str(free_port()))
    assert {"/components/(.*)$", "/autoload.js$", "/metadata$", "/login$"} <= known
    walked = {path for rule in known for path in addresses(rule)} - OPEN
    assert len(walked) > 20
    for path in walked:
        for method in METHODS:
            for console, port in consoles.ports.items():
                answer = ask(port, path, method)
                is_page = console == "ops" and path == "/" and method == "GET"
                allowed = {200} if is_page else {302, 401, 403, 404, 405}
                assert answer.status in allowed, (console, method, path)


def test_the_libraries_routes_are_gone_for_who_is_logged_in_as_well(consoles: Consoles) -> None:
    cookie = log_in(consoles.ports["manager"], "ada").cookie
    for path in ("/autoload.js?bokeh-autoload-element=x", "/metadata", "/components/antigravity/a/_css/b"):
        assert ask(consoles.ports["manager"], path, Cookie=cookie).status in {403, 404}
        assert ask(consoles.ports["ops"], path).status in {403, 404}


@pytest.mark.parametrize(
    "module", ["trap", "data.files.trap", "trap.__main__", "certifi.__main__", "data%2Efiles%2Etrap"]
)
def test_an_address_imports_no_module(consoles: Consoles, folder: Path, module: str) -> None:
    ran = folder / "ran"
    for place in (folder, folder / "data" / "files"):
        place.mkdir(parents=True, exist_ok=True)
        (place / "trap.py").write_text(TRAP.format(str(ran)))
    for port in consoles.ports.values():
        assert ask(port, f"/components/{module}/a/_css/b").status == 404
        assert ask(port, "/favicon.ico").status == 200
    assert not ran.exists()


def test_a_folder_called_dashboards_is_served_only_where_a_setting_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "__init__.py").write_text(TRAP.format(str(ran)) + "raise SystemExit(9)\n")
    with closing(get_queue(f"sqlite:///{tmp_path}/queue.db")) as queue:
        port = free_port()
        process = start(queue, tmp_path, "ops", ops=port, manager=free_port())
        try:
            wait_until(lambda: process.poll() is not None or _is_up(port), what="the console's start")
            assert process.poll() is None
            assert not ran.exists()
        finally:
            process.terminate()
            process.wait(PATIENCE)
        monkeypatch.setenv("PQKIT_DASHBOARDS", "dashboards")
        assert start(queue, tmp_path, "ops", ops=port, manager=free_port()).wait(PATIENCE) != 0
        assert ran.exists()


def _is_up(port: int) -> bool:
    try:
        return ask(port, "/favicon.ico").status == 200
    except OSError:
        return False


def test_a_name_that_somebody_else_made_lead_here_gets_nothing(consoles: Consoles) -> None:
    for port in consoles.ports.values():
        named = (f"stranger.example:{port}", f"127.0.0.1.stranger.example:{port}", "stranger.example", "127.0.0.1", "")
        for path in ("/", "/login", "/static/js/bokeh.min.js", "/ws", "/nothing"):
            for host in named:
                assert ask(port, path, Host=host).status in {400, 403}, (path, host)
        assert ask(port, "/favicon.ico", Host=f"LOCALHOST:{port}").status == 200


def test_pages_of_other_sites_and_ports_ask_for_nothing(consoles: Consoles) -> None:
    for port in consoles.ports.values():
        for origin in (
            f"http://stranger.example:{port}",
            "http://127.0.0.1:1",
            "null",
            "http://127.0.0.1",
            f"ftp://127.0.0.1:{port}",
        ):
            assert ask(port, "/login", "POST", "name=ada", Origin=origin).status == 403
            assert ask(port, "/ws", **UPGRADE, Origin=origin).status == 403
            assert ask(port, "/ws", **UPGRADE, Sec_WebSocket_Origin=origin).status == 403
        for site in ("cross-site", "same-site"):
            for dest in ("image", "script", "iframe", "empty"):
                assert ask(port, "/", Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest=dest).status == 403
            assert ask(port, "/login", "POST", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate").status == 403
        link = {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
        assert ask(port, "/", **link).status in {200, 302}


def test_an_address_or_an_origin_that_cannot_be_read_is_refused_without_a_traceback(
    consoles: Consoles, folder: Path
) -> None:
    before = (folder / "errors").read_bytes()
    for port in consoles.ports.values():
        assert ask(port, "/login?a=//[", Host=f"127.0.0.1:{port}").status in {200, 404}
        assert ask(port, "/login?next=//[").status in {200, 404}
        assert ask(port, "/login?a=//[%3Fbokeh-token=1").status == 403
        for origin in ("http://[", "http://[::1", "//]"):
            assert ask(port, "/", Origin=origin).status == 403
    assert b"Traceback" not in (folder / "errors").read_bytes().removeprefix(before)


def test_no_page_but_ours_ends_a_session(consoles: Consoles) -> None:
    port = consoles.ports["manager"]
    ada = log_in(port, "ada")
    for site in ("cross-site", "same-site"):
        link = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
        ask(port, "/logout", **link, **ada.headers)
        assert ask(port, "/", **ada.headers).status == 200, site
    assert ask(port, "/logout", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 403
    assert ask(port, "/logout", Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="navigate", **ada.headers).status == 302
    assert ask(port, "/", **ada.headers).status == 302


@pytest.mark.parametrize(
    ("address", "prefix", "leads_to"),
    [
        ("/?state=failed", "", "/?state=failed"),
        ("/jobs/?state=failed", "/jobs", "/?state=failed"),
        ("/jobs/runs/a", "/jobs", "/runs/a"),
        ("/jobsother/a", "/jobs", "/jobsother/a"),
        ("/jobs//elsewhere.example/a", "/jobs", "/"),
        ("//elsewhere.example", "/jobs", "/"),
        ("https://elsewhere.example/", "", "/"),
        ("/\\elsewhere.example", "", "/"),
        ("/a\nb", "", "/"),
        ("//[", "", "/"),
        ("a", "", "/"),
    ],
)
def test_a_login_leads_to_an_address_of_this_console_alone(address: str, prefix: str, leads_to: str) -> None:
    assert login_page._inside(address, prefix) == leads_to


def test_a_server_is_asked_by_the_names_that_it_has() -> None:
    own = {"127.0.0.1:8501", "localhost:8501", "manager.localhost:8501", "ops.localhost:8501"}
    assert set(origins("127.0.0.1", 8501)) == own
    assert "[::1]:8501" in origins("::1", 8501)
    assert origins("console.example", 80) == ["console.example", "console.example:80"]
    assert "127.0.0.1:8501" in origins("0.0.0.0", 8501)


SAID = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": ("DENY", "SAMEORIGIN"),
    "Referrer-Policy": ("same-origin", "no-referrer"),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": ("default-src 'none'", "sandbox allow-scripts; default-src 'none'"),
}


def says_all(answer: Answer) -> bool:
    """Whether the answer has each header, once, with one of its values."""
    for name, wanted in SAID.items():
        values = answer.headers.get_all(name) or []
        if len(values) != 1 or not values[0].startswith(wanted):
            return False
    return "Server" not in answer.headers


def test_every_answer_of_the_consoles_has_the_security_headers(consoles: Consoles) -> None:
    manager, ops = consoles.ports["manager"], consoles.ports["ops"]
    cookie = log_in(manager, "ada").cookie
    tag = ask(ops, "/static/js/bokeh.min.js").headers["Etag"]
    given = {
        "page": ask(ops, "/"),
        "page to who is logged in": ask(manager, "/", Cookie=cookie),
        "redirect": ask(manager, "/"),
        "login": ask(manager, "/login"),
        "refused form": ask(manager, "/login", "POST", "name=ada&password=x"),
        "no report": ask(manager, "/runs/x"),
        "no such report": ask(manager, "/runs/x", Cookie=cookie),
        "file": ask(ops, "/static/js/bokeh.min.js"),
        "file that is known": ask(ops, "/static/js/bokeh.min.js", If_None_Match=tag),
        "no such file": ask(ops, "/static/js/nothing.js"),
        "icon": ask(ops, "/favicon.ico"),
        "nothing": ask(ops, "/nothing"),
        "chosen session": ask(ops, "/?bokeh-session-id=x"),
        "other host": ask(ops, "/", Host="stranger.example"),
        "method": ask(ops, "/", "DELETE"),
        "long address": ask(ops, "/?" + "x" * 20_000),
        "upgrade without a token": ask(ops, "/ws", **UPGRADE),
        "upgrade with a false one": upgrade(manager, "x.y", Cookie=cookie),
        "no upgrade": ask(ops, "/ws"),
        "bounce": ask(manager, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate"),
    }
    statuses = {200, 302, 304, 401, 403, 404, 405, 414}
    assert statuses <= {answer.status for answer in given.values()}
    assert [name for name, answer in given.items() if not says_all(answer)] == []


def test_every_answer_of_the_rest_interface_has_the_security_headers(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/queue.db"
    with closing(get_queue(url)) as queue:
        bearer = f"Bearer {token(queue)}"
    with service(url, tmp_path) as address:
        port = int(address.rpartition(":")[2])
        given = [
            ask(port, path, method, body, Authorization=bearer)
            for path, method, body in (
                ("/readyz", "GET", None),
                ("/jobs/1", "GET", None),
                ("/nothing", "GET", None),
                ("/jobs", "DELETE", None),
                ("/jobs", "POST", "{"),
                ("/openapi.json", "GET", None),
            )
        ] + [ask(port, "/jobs/1"), ask(port, "/jobs", "POST", Content_Length="5000000")]
        assert {200, 401, 404, 405, 422} <= {answer.status for answer in given}
        assert [answer for answer in given if not says_all(answer)] == []
