"""A report that is opened by itself runs its scripts, and sends its content nowhere."""

import http.server
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Error, FrameLocator, Page

from pqkit.files import private_folder
from pqkit.notebook.run_store import Run
from tests.browser import find_chromium
from tests.consoles import MILLISECONDS, Browser, Consoles, browser_for
from tests.support import wait_until

NAME = "20260101-000000-a"
# Each way to leave writes what it has tried; the last word is said when all have been.
REPORT = """<!DOCTYPE html><title>the report's own title</title><h1>Revenue &amp; "costs"</h1><p id="said">nothing</p>
<form id="form" action="ADDRESS/form" method="post"><input name="secret" value="1"></form>
<a id="link" href="ADDRESS/link?secret" target="_top">a</a>
<a id="blank" href="ADDRESS/blank?secret" target="_blank">b</a>
<script>
const go = [
    () => { top.location = "ADDRESS/top?secret" },
    () => { parent.location = "ADDRESS/parent?secret" },
    () => { window.open("ADDRESS/open?secret") },
    () => { document.getElementById("form").submit() },
    () => { document.getElementById("link").click() },
    () => { document.getElementById("blank").click() },
    () => { fetch("ADDRESS/fetch?secret").catch(() => {}) },
    () => { navigator.sendBeacon("ADDRESS/beacon?secret") },
    () => { new Image().src = "ADDRESS/image?secret" },
    () => { document.body.append(Object.assign(document.createElement("iframe"), {src: "ADDRESS/frame?secret"})) },
    () => { document.body.append(Object.assign(document.createElement("iframe"),
        {srcdoc: "<script>location='ADDRESS/nested?secret'</" + "script>"})) },
    () => { document.body.append(Object.assign(document.createElement("script"), {src: "ADDRESS/script?secret"})) },
    () => { document.head.append(Object.assign(document.createElement("link"),
        {rel: "prefetch", href: "ADDRESS/prefetch?secret"})) },
    () => { history.pushState({}, "", "ADDRESS/state?secret") },
]
const said = document.getElementById("said")
const trial = (each, turn) => { try { each() } catch {} said.innerText = "tried " + (turn + 1) }
go.forEach((each, turn) => setTimeout(trial, 50 * turn, each, turn))
// Last, for the browser puts a page of its own in the place of a frame that may not go where it wants to.
const last = () => said.innerText === "go" ? location = "ADDRESS/location?secret" : setTimeout(last, 50)
last()
</script>"""
WAYS = 14


class Listener(http.server.BaseHTTPRequestHandler):
    """Somebody else's server, which keeps what it is asked for."""

    def __init__(self, came: list[str], *arguments: object) -> None:
        self.came = came
        super().__init__(*arguments)  # type: ignore[arg-type] # as the server gives them

    def do_GET(self) -> None:
        self.came.append(self.path)
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def came() -> Iterator[tuple[str, list[str]]]:
    """Its address, and what came there."""
    asked: list[str] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Listener, asked)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("consoles")


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Browser]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    consoles = Consoles(folder)
    consoles.queue.enqueue("a")  # a row of the table, by which the page is known to be there
    with browser_for(consoles, chromium) as browser:
        yield browser
    consoles.close()


def write_report(folder: Path, address: str) -> None:
    """A run that has ended, with its report."""
    run = private_folder(folder / "runs" / NAME)
    (run / "report.html").write_text(REPORT.replace("ADDRESS", address))
    Run("a.ipynb", {}, {}, began_at=1, verdict="passed", ended_at=2).write(run)


def has_tried_all(frame: FrameLocator) -> bool:
    try:
        return frame.locator("#said").inner_text(timeout=1_000) == f"tried {WAYS}"
    except Error:
        return False


def is_forbidden(page: Page, told: list[str]) -> bool:
    page.wait_for_timeout(50)  # what the browser says is heard only meanwhile
    return any("Framing" in each for each in told)


@pytest.mark.browser
def test_a_report_that_is_opened_by_itself_tries_every_way_out_and_finds_none(
    browser: Browser, folder: Path, came: tuple[str, list[str]]
) -> None:
    address, asked = came
    write_report(folder, address)
    page = browser.console("manager").page
    with page.expect_popup() as opened:
        page.evaluate("name => { window.open('./runs/' + name, '_blank', 'noopener=0') }", NAME)
    report = opened.value
    report.set_default_timeout(MILLISECONDS)
    told: list[str] = []
    report.on("console", lambda message: told.append(message.text))
    frame = report.frame_locator("iframe.report")
    frame.get_by_role("heading", name='Revenue & "costs"').wait_for()
    wait_until(lambda: has_tried_all(frame), what="all ways tried")
    told.clear()
    frame.locator("#said").evaluate("it => { it.innerText = 'go' }")
    wait_until(lambda: is_forbidden(report, told), what="the browser's word that the frame may not go there")
    assert report.url.endswith(f"/runs/{NAME}")
    assert report.title() == f"Report {NAME}"
    assert asked == []
    report.close()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "object", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Dest": "embed", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Dest": "nonsense"},
    ],
    ids=lambda said: "-".join(said.values()) or "silent",
)
@pytest.mark.browser
def test_whatever_does_not_say_that_it_is_our_frame_gets_a_page_with_the_frame(
    browser: Browser, folder: Path, said: dict[str, str]
) -> None:
    write_report(folder, "http://127.0.0.1:1")
    page, headers = get(browser, said)
    assert '<iframe class="report"' in page
    assert 'sandbox="allow-scripts" srcdoc="' in page
    assert "<script" not in page, "the report is an attribute's text there"
    assert "<h1" not in page
    assert headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.browser
def test_a_frame_on_a_page_of_another_origin_gets_nothing(browser: Browser, folder: Path, site: str) -> None:
    write_report(folder, "http://127.0.0.1:1")
    with pytest.raises(HTTPError, match="403"):
        get(browser, {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": site})


@pytest.mark.browser
def test_our_own_frame_gets_the_report_as_it_is(browser: Browser, folder: Path) -> None:
    write_report(folder, "http://127.0.0.1:1")
    page, headers = get(browser, {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": "same-origin"})
    assert page == (folder / "runs" / NAME / "report.html").read_text()
    assert headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'none'")


def get(browser: Browser, said: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The answer to somebody who is logged in."""
    visit = browser.console("manager")
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in visit.page.context.cookies())
    base = visit.page.url.partition("?")[0]
    asked = urllib.request.Request(f"{base}runs/{NAME}", headers={"Cookie": cookies, **said})
    with urllib.request.urlopen(asked) as answer:
        return answer.read().decode(), dict(answer.headers)
