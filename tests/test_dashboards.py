"""The two consoles in a browser."""

import http.client
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from dashboards.manager.jobs import where
from pqkit.domain.error_groups import pattern
from pqkit.queries import Key, Matching, Searched
from tests.browser import find_chromium
from tests.conftest import has_failed
from tests.consoles import (
    FIRST_SIGHT,
    PHONE,
    WIDE,
    Browser,
    Consoles,
    Visit,
    brightness,
    browser_for,
    fill,
    hostile,
    seen,
)
from tests.hostile import HOSTILE, XSS
from tests.support import PATIENCE, wait_until
from tests.verbs import sql

AWAY = "The database cannot be read"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def consoles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consoles]:
    consoles = Consoles(tmp_path_factory.mktemp("consoles"))
    fill(consoles.queue)
    yield consoles
    consoles.close()


@pytest.fixture(scope="module")
def shared_browser(consoles: Consoles) -> Iterator[Browser]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    with browser_for(consoles, chromium) as browser:
        yield browser


@pytest.fixture
def browser(shared_browser: Browser, request: pytest.FixtureRequest) -> Iterator[Browser]:
    yield shared_browser
    if has_failed(request.node):
        shared_browser.end()


@pytest.fixture
def ops(browser: Browser) -> Visit:
    return browser.console("ops")


@pytest.fixture
def manager(browser: Browser, consoles: Consoles) -> Visit:
    """The page with the newest job on top, so that what is clicked does not move away."""
    visit = browser.console("manager")
    ((newest,),) = sql(consoles.queue, "SELECT max(id) FROM job")
    wait_until(lambda: visit.jobs()[:1] == [newest], what=f"job {newest} on top")
    return visit


def test_the_ops_page_shows_the_numbers_and_follows_them(consoles: Consoles, ops: Visit) -> None:
    ops.tile_becomes("Completed", 120)
    ops.tile_becomes("Failed", 1)
    ops.tile_becomes("Processing", 1)
    before = ops.tile("Pending")
    consoles.queue.enqueue_many("resize", [{"path": "more.jpg"}] * 3, queue="images")
    ops.tile_becomes("Pending", before + 3)


def test_the_ops_page_names_queues_and_workers(ops: Visit) -> None:
    for name in ("images", HOSTILE):
        ops.page.get_by_role("cell", name=name, exact=True).first.wait_for()
    status = ops.page.get_by_role("status").first
    wait_until(lambda: status.inner_text().startswith("Workers silent"), what="a word about the worker that is silent")


def test_a_very_long_name_leaves_the_numbers_beside_it_in_sight(consoles: Consoles, ops: Visit) -> None:
    operator, name = consoles.queue.operator(), "q" * 190
    operator.create_queue(name)
    try:
        table = ops.page.locator(".scroll").filter(has_text=name)
        wait_until(lambda: seen(table, "it.scrollWidth - it.clientWidth") < 200, what="a table that fits")
    finally:
        operator.delete_queue(name)


def test_the_ops_page_groups_the_errors(ops: Visit) -> None:
    ops.page.get_by_text(shown(HOSTILE), exact=True).first.wait_for()


def shown(words: str) -> str:
    """An error as the ops page shows it to anybody: without its particulars."""
    return " ".join(pattern(f"ValueError: {words}").split())


def source(ops: Visit, expression: str) -> Any:
    """A value about ``at``, the times of the points that all charts share; 0 before they are there."""
    script = f"""() => {{
        const series = window.pqkit?.board?.get_model_by_name("source series"), at = series?.data.at
        return at?.length ? {expression} : 0 }}"""
    return ops.page.evaluate(script)


def test_the_charts_move_on_with_time(ops: Visit) -> None:
    newest = wait_until(lambda: source(ops, "at[at.length - 1]"), what="points in the charts")
    wait_until(lambda: source(ops, "at[at.length - 1]") > newest, what="a later point")
    assert source(ops, "at.every((moment, n) => n == 0 || moment > at[n - 1])")


def test_another_window_shows_more_time_and_a_queue_its_own_jobs(consoles: Consoles, ops: Visit) -> None:
    def seconds() -> float:
        return float(source(ops, "(at[at.length - 1] - at[0]) / 1000"))

    ops.page.get_by_role("button", name="24 h", exact=True).click()
    wait_until(lambda: seconds() > 80_000, what="a day in the charts")
    ops.page.get_by_role("button", name="5 min", exact=True).click()
    wait_until(lambda: 0 < seconds() < 400, what="five minutes in the charts")
    completed = "Array.from(series.data.completed).reduce((sum, rate) => sum + (rate || 0), 0)"
    wait_until(lambda: source(ops, completed) > 0, what="what was completed")
    ops.choose("Queue", HOSTILE)
    wait_until(lambda: source(ops, completed) == 0, what="none completed in the other queue")
    ops.choose("Queue", "all")
    ops.page.get_by_role("button", name="15 min", exact=True).click()


def test_a_brushed_span_can_be_zoomed_into_and_left_again(ops: Visit) -> None:
    def width() -> float:
        return float(
            ops.page.evaluate("""() => {
            const range = pqkit.board.get_model_by_name("follow range")
            return (range.end - range.start) / 1000 }""")
        )

    def brushes() -> list[bool]:
        return list(
            ops.page.evaluate(
                "Object.values(pqkit.figures).map(it => it.center.find(box => box.name == 'brush')?.visible)"
            )
        )

    wait_until(lambda: width() > 800, what="the whole window")
    zoom = ops.page.get_by_role("button", name="Zoom in")

    def brushed() -> bool:
        box = ops.page.locator("canvas").nth(2).bounding_box()
        assert box
        ops.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
        ops.page.mouse.down()
        ops.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60, steps=5)
        ops.page.mouse.up()
        return zoom.is_enabled()

    wait_until(brushed, what="a span to zoom into")
    assert brushes()[:8] == [True] * 8, "a span that is brushed on one chart is shown on all"
    zoom.click()
    wait_until(lambda: width() < 600, what="a part of the window")
    wait_until(lambda: not any(brushes()), what="no shade over what is all that is seen")
    ops.press("Investigate")
    ops.shows("No living worker knows the task incident")
    ops.press("Back to live")
    wait_until(lambda: width() > 800, what="the whole window again")


def test_a_pause_shades_the_charts_of_its_own_queue_only(consoles: Consoles, ops: Visit) -> None:
    def shaded() -> list[str] | None:
        return ops.page.evaluate("() => pqkit.board.get_model_by_name('source paused').data.words")

    consoles.queue.operator("ann").pause("images", reason="deploy")
    try:
        wait_until(lambda: "pause images by ann: deploy" in words_of_marks(ops), what="a mark that names the queue")
        assert shaded() == []
        ops.choose("Queue", "images")
        wait_until(lambda: shaded() == ["queue images was paused"], what="a shade")
        ops.choose("Queue", "all")
        wait_until(lambda: shaded() == [], what="no shade")
    finally:
        consoles.queue.operator("ann").resume("images")


def test_a_job_can_be_tried_by_hand(consoles: Consoles, ops: Visit) -> None:
    ops.fill("Text", "by hand")
    ops.press("Enqueue one")
    ops.shows("is on disk after")
    ops.press("Dequeue one")
    ops.shows('came out with {"text":"by hand"}')
    assert sql(
        consoles.queue, "SELECT count(*) FROM closed c JOIN job j ON j.id = c.job_id WHERE j.queue = 'try-it'"
    ) == [(1,)]
    ops.press("Dequeue one")
    ops.shows("nothing waits in try-it")


def test_forty_hostile_strings_in_queues_workers_and_errors_run_nothing(consoles: Consoles, ops: Visit) -> None:
    hostile(consoles.queue)
    for words in XSS:
        ops.page.get_by_role("cell", name=" ".join(words.split()), exact=True).first.wait_for(state="attached")
        ops.page.get_by_text(shown(words)).first.wait_for(state="attached")
    wait_until(lambda: words_of_marks(ops).count("started") >= 1, what="marks on the time axis")
    assert ops.page.evaluate("window.hit") is None


def words_of_marks(ops: Visit) -> str:
    return str(ops.page.evaluate("() => pqkit.board.get_model_by_name('source marks').data.words.join(' ')"))


def test_the_manager_page_lists_the_newest_jobs_first_and_turns_pages(manager: Visit) -> None:
    wait_until(lambda: len(manager.jobs()) > 10, what="a page full of jobs")
    first = manager.jobs()
    assert first == sorted(first, reverse=True)
    manager.press("Next")
    wait_until(lambda: max(manager.jobs(), default=first[0]) < first[-1], what="an older page")
    manager.press("Previous")
    wait_until(lambda: manager.jobs()[:1] == first[:1], what="the newest page")


def test_the_manager_page_filters_by_state_queue_and_words(manager: Visit) -> None:
    manager.choose("State", "pending")
    manager.column_becomes("State", "pending")
    manager.choose("State", "any")
    manager.choose("Queue", HOSTILE)
    manager.column_becomes("Queue", HOSTILE)
    manager.choose("Queue", "any")
    manager.fill("In arguments", "photo-77.jpg")
    manager.column_becomes("Error / arguments", '{"path":"photo-77.jpg"}')
    manager.fill("In arguments", "no such words")
    manager.column_becomes("Job")
    manager.fill("In arguments", "")
    wait_until(manager.jobs, what="all jobs again")


@pytest.mark.parametrize(
    ("jobs", "following", "matching", "known", "words"),
    [
        (50, True, (612, True), None, "1 to 50 of 612"),
        (50, True, (10_000, False), None, "1 to 50 of 10,000 or more"),
        (50, True, (10_000, False), 900_000, "1 to 50 of 900,000"),
        (3, False, (3, True), None, "1 to 3 of 3"),
        (0, False, (0, True), None, "none"),
        (3, True, (3, False), None, "1 to 3 of 3 or more; at most 10,000 jobs were looked at"),
        (0, True, (0, False), None, "none; at most 10,000 jobs were looked at"),
    ],
)
def test_the_manager_page_says_how_far_it_has_looked(
    jobs: int, following: bool, matching: tuple[int, bool], known: int | None, words: str
) -> None:
    found: Any = Searched([None] * jobs, Key(None, (1,)) if following else None, Matching(*matching))  # type: ignore[list-item]
    assert where(found, 0, known).startswith(words)


def test_a_chosen_job_stays_chosen_when_others_come(consoles: Consoles, manager: Visit) -> None:
    def marked(job: int) -> object:
        return seen(manager.cell(job), "it.style.backgroundColor != ''")

    chosen = manager.jobs()[2]
    manager.cell(chosen).click()
    manager.shows(f"pqkit jobs cancel {chosen}")
    new = consoles.queue.enqueue("resize", {"path": "new.jpg"}, queue="images")
    manager.cell(new.id).wait_for()
    wait_until(lambda: marked(chosen) is True, what="a mark on the job that was chosen")
    wait_until(lambda: marked(new.id) is False, what="no mark on the one that came")
    manager.page.get_by_text(f"Job {chosen}", exact=True).first.wait_for()


def test_a_job_is_shown_with_its_attempts_its_error_and_the_commands(manager: Visit) -> None:
    manager.fill("Open job number", "121")
    manager.shows("pqkit jobs resubmit 121", "What attempt 1 said")
    text = manager.page.locator(".head").last.locator("xpath=..")
    for words in ("unprocessable: retries used up", f"ValueError: {HOSTILE}"):
        wait_until(lambda words=words: words in text.inner_text(), what=f"{words} in the card")


def test_words_from_the_database_are_never_markup(ops: Visit, manager: Visit) -> None:
    manager.fill("Open job number", "121")
    manager.shows("pqkit jobs resubmit 121")
    for visit in (ops, manager):
        visit.page.get_by_text(HOSTILE).first.wait_for(state="attached")
        assert visit.page.locator('img[src="x"]').count() == 0
        assert visit.page.evaluate("window.hit") is None


def test_forty_hostile_strings_in_log_lines_run_nothing(manager: Visit) -> None:
    manager.fill("Open job number", "121")
    manager.shows("pqkit jobs resubmit 121")
    log = manager.page.locator("h4").filter(has_text="Log").locator("xpath=following-sibling::pre[1]")
    wait_until(lambda: all(words in log.inner_text() for words in XSS), what="all forty lines as they were written")
    assert manager.page.evaluate("window.hit") is None


def test_the_hostile_words_would_have_been_noticed(browser: Browser) -> None:
    page = browser.context.new_page()
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


@pytest.mark.parametrize("name", FIRST_SIGHT)
def test_each_page_is_light_or_dark_as_the_system_is(browser: Browser, name: str) -> None:
    is_light(browser.console(name))
    with browser.stranger(name, "dark") as visit:
        is_dark(visit)


def test_the_side_that_was_chosen_stays_until_the_address_says_another(consoles: Consoles, browser: Browser) -> None:
    with browser.stranger("ops", "dark") as visit:
        is_dark(visit)
        visit.press("Toggle theme")
        is_light(visit)
        visit.page.reload(wait_until="commit")
        is_light(visit)
        visit.go(consoles.url("ops"))
        is_light(visit)
        visit.go(f"{consoles.url('ops')}?theme=dark")
        is_dark(visit)


def is_light(visit: Visit) -> None:
    wait_until(lambda: ground(visit) > 200 and ink(visit) < 100, what="dark words on light ground")


def is_dark(visit: Visit) -> None:
    wait_until(lambda: ground(visit) < 60 and ink(visit) > 180, what="light words on dark ground")


def ground(visit: Visit) -> float:
    return brightness(visit.page.locator("main"), "backgroundColor")


def ink(visit: Visit) -> float:
    return brightness(visit.page.locator(".tile span"), "color")


@pytest.mark.parametrize("name", FIRST_SIGHT)
def test_the_pages_fit_a_phone(browser: Browser, name: str) -> None:
    visit = browser.console(name)
    page = visit.page
    if name == "manager":
        visit.fill("Open job number", "1")
        visit.shows("Job 1")
    page.set_viewport_size(PHONE)
    try:
        wait_until(lambda: 300 < right_edge(page) <= PHONE["width"], what="a page without sideways scrolling")
        wait_until(lambda: stacked(page), what="blocks below each other")
    finally:
        page.set_viewport_size(WIDE)


def right_edge(page: Page) -> float:
    """Where the rightmost block of the page ends, in pixels."""
    blocks = page.locator(".tile, .verdict, .head, .scroll, canvas, .tabulator, input, button")
    return float(blocks.evaluate_all("blocks => Math.max(0, ...blocks.map(it => it.getBoundingClientRect().right))"))


def stacked(page: Page) -> bool:
    """Whether each card, and the note below, begins where the one before it has ended."""
    blocks = page.locator(".MuiPaper-outlined, .card, [role=note]")
    boxes = blocks.evaluate_all(
        "all => all.map(it => it.getBoundingClientRect()).filter(it => it.height).map(it => [it.top, it.bottom])"
    )
    boxes.sort()
    return len(boxes) >= 2 and all(top >= bottom - 1 for (_, bottom), (top, _) in pairwise(boxes))


def test_a_database_that_is_away_is_said_and_its_return_noticed(consoles: Consoles, ops: Visit, manager: Visit) -> None:
    elsewhere, completed = consoles.data.with_name("elsewhere"), ops.tile("Completed")
    consoles.data.rename(elsewhere)
    try:
        ops.shows(f"{AWAY} since")
        manager.shows(AWAY)
        ops.tile_becomes("Completed", completed)
    finally:
        elsewhere.rename(consoles.data)
    ops.shows_no_more(AWAY)
    manager.shows_no_more(AWAY)


def test_the_timeline_of_a_queue_in_which_nothing_ran_shows_the_last_three_minutes(
    consoles: Consoles, ops: Visit
) -> None:
    job = consoles.queue.enqueue("resize", queue="quiet", delay=3_600)
    ops.choose("Queue", "quiet")
    seen = (
        "() => { const at = pqkit.figures.timeline.x_range; return [at.end - at.start, pqkit.sources.bars.data.left] }"
    )
    wait_until(lambda: ops.page.evaluate(seen) == [180_000, []], what="an empty timeline")
    ops.choose("Queue", "all")
    consoles.queue.operator().cancel([job.id])


@pytest.mark.parametrize(("origin", "status"), [("http://127.0.0.1:{port}", 101), ("http://evil.example", 403)])
def test_a_live_connection_is_for_the_servers_own_pages_only(consoles: Consoles, origin: str, status: int) -> None:
    port = consoles.ports["ops"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/")
    token = re.search(r'"token":"([^"]+)"', connection.getresponse().read().decode())
    assert token is not None
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": f"bokeh, {token[1]}"}
    connection.request("GET", "/ws", headers={**upgrade, **key, "Origin": origin.format(port=port)})
    assert connection.getresponse().status == status
    connection.close()
