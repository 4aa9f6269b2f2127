"""The two consoles as a person meets them: a real server, a real browser, a real database."""

import ast
import http.client
import math
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, sync_playwright

from pqkit.cli.dashboards import load
from pqkit.outcome import completed, ended_by
from pqkit.queue import Finished, Leases, Queue, get_queue
from tests.browser import find_chromium
from tests.support import wait_until

REPO = Path(__file__).parent.parent
HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>'
PATIENCE = 120_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]

pytestmark = pytest.mark.browser


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Consoles:
    """A real `pqkit dashboards`, with both pages, on a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.queue: Queue = get_queue(f"sqlite:///{self.data}/queue.db")
        self.ports = {"ops": free_port(), "manager": free_port()}
        self.process = start(self.queue, folder, **self.ports)
        wait_until(lambda: all(answers(port) for port in self.ports.values()), 60, "the consoles' start")

    def url(self, page: str, theme: str = "default") -> str:
        return f"http://127.0.0.1:{self.ports[page]}/?theme={theme}"


def start(queue: Queue, folder: Path, *words: str, ops: int, manager: int) -> "subprocess.Popen[bytes]":
    ports = {"PQKIT_OPS_PORT": str(ops), "PQKIT_MANAGER_PORT": str(manager)}
    return subprocess.Popen(
        [sys.executable, "-m", "pqkit", "dashboards", *words],
        cwd=folder,
        env={**os.environ, "PQKIT_URL": f"sqlite:///{queue.database.path}", **ports},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def consoles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consoles]:
    consoles = Consoles(tmp_path_factory.mktemp("consoles"))
    fill(consoles.queue)
    yield consoles
    consoles.process.terminate()
    consoles.process.communicate(timeout=20)
    consoles.queue.close()


def fill(queue: Queue) -> None:
    """120 done, one that failed for good, one that runs, two waiting; hostile words wherever a user may put words."""
    worker = queue.leases(HOSTILE, 4, [HOSTILE, "resize"])
    worker.register()
    queue.enqueue_many("resize", [{"path": f"photo-{n}.jpg"} for n in range(120)], queue="images")
    finish(queue, worker, 120, None)
    queue.enqueue(HOSTILE, {"text": HOSTILE}, queue=HOSTILE, max_retries=0)
    finish(queue, worker, 1, ValueError(HOSTILE))
    queue.enqueue("resize", {"path": "running.jpg"}, queue="images")
    worker.exchange([], 1, alone=True)
    queue.enqueue_many("resize", [{"path": "waiting.jpg"}] * 2, queue="images")


def finish(queue: Queue, worker: Leases, count: int, error: Exception | None) -> None:
    turn, now = worker.exchange([], count, alone=True), queue.database.now()
    outcomes = [completed({"ok": True}) if error is None else ended_by(claim, error) for claim in turn.claims]
    worker.exchange([Finished(c, o, now, now) for c, o in zip(turn.claims, outcomes, strict=True)], 0, alone=True)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    with sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("profile")
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, headless=True, args=FLAGS, viewport={"width": 1280, "height": 860}
        )
        context.set_default_timeout(PATIENCE)
        yield context
        context.close()


class Visit:
    """One page, and the addresses that it asked for."""

    def __init__(self, context: BrowserContext, url: str, wait_for: str) -> None:
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(url)
        self.page.locator(wait_for).first.wait_for()

    def tile(self, label: str) -> int:
        """The number on a tile."""
        tile = self.page.locator(".tile").filter(has=self.page.get_by_text(label, exact=True)).locator("b")
        return int(tile.inner_text().replace(",", ""))

    def rows(self) -> list[str]:
        """The job numbers in the table."""
        return self.page.locator('.tabulator-row .tabulator-cell[tabulator-field="Job"]').all_inner_texts()

    def column(self, title: str) -> set[str]:
        return set(self.page.locator(f'.tabulator-row .tabulator-cell[tabulator-field="{title}"]').all_inner_texts())

    def cell(self, job: str) -> Locator:
        cells = self.page.locator('.tabulator-row .tabulator-cell[tabulator-field="Job"]')
        return cells.filter(has=self.page.get_by_text(job, exact=True))

    def fill(self, label: str, words: str) -> None:
        self.page.get_by_label(label).fill(words)
        self.page.get_by_label(label).press("Enter")

    def choose(self, label: str, option: str) -> None:
        """Choose in one of the page's menus, which have the label and its value in the accessible name."""
        self.page.get_by_role("combobox", name=label).click()
        self.page.get_by_role("menuitem", name=option, exact=True).click()


@pytest.fixture(scope="module")
def ops(consoles: Consoles, context: BrowserContext) -> Iterator[Visit]:
    visit = Visit(context, consoles.url("ops"), "canvas")
    yield visit
    visit.page.close()


@pytest.fixture(scope="module")
def manager(consoles: Consoles, context: BrowserContext) -> Iterator[Visit]:
    visit = Visit(context, consoles.url("manager"), ".tabulator-row")
    yield visit
    visit.page.close()


def test_the_ops_page_shows_the_numbers_and_follows_them(consoles: Consoles, ops: Visit) -> None:
    assert ops.tile("Completed") == 120
    assert ops.tile("Failed") == 1
    assert ops.tile("Processing") == 1
    before = ops.tile("Pending")
    consoles.queue.enqueue_many("resize", [{"path": "more.jpg"}] * 3, queue="images")
    wait_until(lambda: ops.tile("Pending") == before + 3, what="three more pending jobs on the page")


def test_the_ops_page_names_queues_and_workers(ops: Visit) -> None:
    ops.page.get_by_role("cell", name="images", exact=True).wait_for()
    ops.page.get_by_role("cell", name=HOSTILE, exact=True).first.wait_for()
    assert ops.page.get_by_role("status").inner_text().startswith(("Healthy", "Workers silent"))


def test_a_very_long_name_leaves_the_numbers_beside_it_in_sight(consoles: Consoles, ops: Visit) -> None:
    operator, name = consoles.queue.operator(), "q" * 190
    operator.create_queue(name)
    table = ops.page.locator(".scroll").filter(has_text=name)
    table.wait_for(timeout=PATIENCE)
    hidden = table.evaluate("it => it.scrollWidth - it.clientWidth")
    operator.delete_queue(name)
    assert hidden < 200


def test_the_ops_page_names_the_latest_failures(ops: Visit) -> None:
    ops.page.get_by_role("cell", name=f"ValueError: {HOSTILE}", exact=True).wait_for()


def test_the_chart_grows_with_time(ops: Visit) -> None:
    script = """() => Math.max(...[...Bokeh.documents[0]._all_models.values()]
        .filter(model => model.type == "ColumnDataSource" && model.data.at)
        .map(model => model.data.at.length))"""
    points = ops.page.evaluate(script)
    wait_until(lambda: ops.page.evaluate(script) >= points + 2, what="two more points in the chart")


def test_the_manager_page_lists_the_newest_jobs_first_and_turns_pages(manager: Visit) -> None:
    first = manager.rows()
    assert [int(job) for job in first] == sorted(map(int, first), reverse=True)
    manager.page.get_by_role("button", name="Older").click()
    wait_until(lambda: manager.rows() and manager.rows()[0] < first[-1], what="an older page")
    manager.page.get_by_role("button", name="Newer").click()
    wait_until(lambda: manager.rows() and int(manager.rows()[0]) >= int(first[0]), what="the newest page")


def test_the_manager_page_filters_by_state_queue_and_words(manager: Visit) -> None:
    manager.choose("State", "pending")
    wait_until(lambda: manager.column("State") == {"pending"}, what="pending jobs only")
    manager.choose("State", "any")
    manager.choose("Queue", HOSTILE)
    wait_until(lambda: manager.column("Queue") == {HOSTILE}, what="one queue only")
    manager.choose("Queue", "any")
    manager.fill("In arguments", "photo-77.jpg")
    wait_until(lambda: manager.column("Error / arguments") == {'{"path":"photo-77.jpg"}'}, what="one job only")
    manager.fill("In arguments", "no such words")
    wait_until(lambda: not manager.rows(), what="an empty table")
    manager.fill("In arguments", "")
    wait_until(manager.rows, what="all jobs again")


def test_a_chosen_job_stays_chosen_when_others_come(consoles: Consoles, manager: Visit) -> None:
    job = manager.rows()[2]
    manager.cell(job).click()
    manager.page.get_by_text(f"pqkit jobs cancel {job}").wait_for()
    new = consoles.queue.enqueue("resize", {"path": "new.jpg"}, queue="images")
    manager.cell(str(new.id)).wait_for()
    marked = manager.cell(job).evaluate("cell => cell.style.backgroundColor")
    assert marked
    assert not manager.cell(str(new.id)).evaluate("cell => cell.style.backgroundColor")
    assert manager.page.get_by_text(f"Job {job}", exact=True).is_visible()


def test_a_job_is_shown_with_its_attempts_its_error_and_the_commands(manager: Visit) -> None:
    manager.fill("Open job number", "121")
    manager.page.get_by_text("pqkit jobs resubmit 121").wait_for()
    text = manager.page.locator(".head").last.locator("xpath=..").inner_text()
    assert "unprocessable: retries used up" in text
    assert f"ValueError: {HOSTILE}" in text
    assert "What attempt 1 said" in text


def test_words_from_the_database_are_never_markup(ops: Visit, manager: Visit) -> None:
    manager.fill("Open job number", "121")
    manager.page.get_by_text("pqkit jobs resubmit 121").wait_for()
    for page in (ops.page, manager.page):
        page.get_by_text(HOSTILE).first.wait_for()
        assert page.locator('img[src="x"]').count() == 0
        assert page.evaluate("window.hit") is None


def test_the_hostile_words_would_have_been_noticed(context: BrowserContext) -> None:
    page = context.new_page()
    page.set_content(HOSTILE)
    wait_until(lambda: page.evaluate("window.hit") == 1, what="the script")
    page.close()


def foreign(addresses: list[str]) -> list[str]:
    web = [address for address in addresses if urlsplit(address).scheme in {"http", "https", "ws", "wss"}]
    return [address for address in web if urlsplit(address).hostname != "127.0.0.1"]


def test_the_pages_ask_nobody_else(ops: Visit, manager: Visit) -> None:
    assert len(ops.asked) > 5
    assert foreign(ops.asked + manager.asked) == []
    assert foreign(["https://fonts.example.com/a.css"])


def test_each_page_has_a_light_and_a_dark_side(
    consoles: Consoles, context: BrowserContext, ops: Visit, manager: Visit
) -> None:
    for name, light in {"ops": ops, "manager": manager}.items():
        dark = Visit(context, consoles.url(name, "dark"), ".tile b")
        wait_until(lambda light=light: ground(light) > 200, PATIENCE / 1000, "light ground")
        wait_until(lambda light=light: ink(light) < 100, PATIENCE / 1000, "dark words on it")
        wait_until(lambda dark=dark: ground(dark) < 60, PATIENCE / 1000, "dark ground")
        wait_until(lambda dark=dark: ink(dark) > 180, PATIENCE / 1000, "light words on it")
        dark.page.close()


def ground(visit: Visit) -> float:
    return brightness(visit.page.locator("main").first, "backgroundColor")


def ink(visit: Visit) -> float:
    return brightness(visit.page.locator(".tile span").first, "color")


def brightness(place: Locator, what: str) -> float:
    """From 0 to 255; not a number, which is neither dark nor light, where the live page has just replaced the place."""
    color = place.evaluate(f"it => it.isConnected ? getComputedStyle(it).{what} : ''")
    parts = [float(part) for part in re.findall(r"[\d.]+", color)[:3]]
    return sum(parts) / 3 if len(parts) == 3 else math.nan


def test_the_pages_fit_a_phone(ops: Visit, manager: Visit) -> None:
    for visit in (ops, manager):
        visit.page.set_viewport_size({"width": 390, "height": 844})
        wait_until(lambda page=visit.page: width(page) <= 390, what="a page without sideways scrolling")
        wait_until(lambda page=visit.page: not overlaps(page), what="blocks below each other")
        visit.page.set_viewport_size({"width": 1280, "height": 860})


def width(page: Page) -> float:
    """Where the rightmost block of the page ends, in pixels."""
    blocks = page.locator(".tile, .verdict, .head, .scroll, canvas, .tabulator, input, button")
    return float(blocks.evaluate_all("blocks => Math.max(...blocks.map(it => it.getBoundingClientRect().right))"))


def overlaps(page: Page) -> bool:
    """Whether a card, or the note below, lies over the one before it."""
    blocks = page.locator(".MuiPaper-outlined, [role=note]")
    boxes = blocks.evaluate_all("all => all.map(it => it.getBoundingClientRect()).map(box => [box.top, box.bottom])")
    boxes.sort()
    assert len(boxes) >= 3
    return any(top < bottom - 1 for (_, bottom), (top, _) in pairwise(boxes))


def test_a_database_that_is_away_is_said_and_its_return_noticed(consoles: Consoles, ops: Visit, manager: Visit) -> None:
    elsewhere = consoles.data.with_name("elsewhere")
    consoles.data.rename(elsewhere)
    try:
        ops.page.get_by_text("The database cannot be read since").wait_for()
        manager.page.get_by_text("The database cannot be read").wait_for()
        assert ops.tile("Completed") == 120
    finally:
        elsewhere.rename(consoles.data)
    ops.page.get_by_text("The database cannot be read since").wait_for(state="hidden")
    manager.page.get_by_text("The database cannot be read").wait_for(state="hidden")


@pytest.mark.parametrize(("origin", "status"), [("http://127.0.0.1:{port}", 101), ("http://evil.example", 403)])
def test_a_live_connection_is_for_the_servers_own_pages_only(consoles: Consoles, origin: str, status: int) -> None:
    port = consoles.ports["ops"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    token = re.search(r'"token":"([^"]+)"', connection.getresponse().read().decode())
    assert token is not None
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": f"bokeh, {token[1]}"}
    connection.request("GET", "/ws", headers={**upgrade, **key, "Origin": origin.format(port=port)})
    assert connection.getresponse().status == status
    connection.close()


def test_the_consoles_end_on_sigterm(queue: Queue, tmp_path: Path) -> None:
    ports = {"ops": free_port(), "manager": free_port()}
    process = start(queue, tmp_path, "ops", **ports)
    wait_until(lambda: answers(ports["ops"]), 60, "the console's start")
    assert not answers(ports["manager"])
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, b"")
    assert f"http://127.0.0.1:{ports['ops']}" in out.decode()


def test_a_taken_port_is_one_clear_line(consoles: Consoles, queue: Queue, tmp_path: Path) -> None:
    process = start(queue, tmp_path, **consoles.ports)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.decode().count("\n") == 1
    assert f"port {consoles.ports['manager']} on 127.0.0.1 cannot be used" in err.decode()


def test_without_panel_one_line_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['panel'] = None; sys.argv[1:] = ['dashboards']; from pqkit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'pqkit[console]'" in done.stderr


def writes(source: str) -> set[str]:
    """The names in it by which a queue is changed."""
    names = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    return names & {"operator", "enqueue", "enqueue_many", "leases", "upkeep", "session", "write"}


def test_a_page_without_a_login_changes_nothing() -> None:
    for file in (REPO / "dashboards").glob("*.py"):
        assert not writes(file.read_text()), file
    assert writes("feed.queue().operator('me').cancel([1])")


def test_a_page_leaves_no_watcher_on_the_server() -> None:
    load(REPO / "dashboards")
    from panel.io.state import state

    from dashboards import shell

    def watchers() -> int:
        return len(state.param.watchers.get("busy", {}).get("value", []))

    before = watchers()
    page = shell.make_page("a page")
    assert watchers() == before
    shell.pmui.Page(title="a bare page")
    assert watchers() == before + 1
    assert page.busy is False
