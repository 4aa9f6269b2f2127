"""From a span on a chart to the report about it: a whole system under `pqkit up`, and a real browser."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser import find_chromium
from tests.consoles import FLAGS, MILLISECONDS, WIDE, Visit
from tests.support import wait_until
from tests.test_up import Project

LONG = 3 * MILLISECONDS
"""A kernel starts, and reads the record of the whole span."""


@pytest.mark.browser
def test_a_span_brushed_on_a_chart_leads_to_its_report_behind_the_login(tmp_path: Path) -> None:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    project = Project(tmp_path)
    project.up(PQKIT_TASKS="pqkit.notebook", PQKIT_WORKERS="1")
    try:
        project.wait_for("stop             Ctrl+C")
        (password,) = re.findall(r"admin, with the password (\S+)", project.said())
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=MILLISECONDS)
            context = browser.new_context(viewport=WIDE)
            context.set_default_timeout(MILLISECONDS)
            ops = Visit(context, f"http://127.0.0.1:{project.ports[0]}/")
            ops.shows("worker_00")
            wait_until(lambda: brush(ops.page), what="a brushed span")
            ops.press("Investigate")
            ops.shows("looks into")
            link = ops.page.get_by_role("link", name="Open its report")
            link.wait_for(timeout=LONG)
            with context.expect_page() as opened:
                link.click()
            report = opened.value
            report.get_by_label("Name").fill("admin")
            report.get_by_label("Password").fill(password)
            report.get_by_role("button", name="Log in").click()
            report.wait_for_url(re.compile(rf":{project.ports[1]}/runs/"))
            report.frame_locator("iframe.report").get_by_role("heading", name="Incident").wait_for()
            browser.close()
    finally:
        project.kill()


def brush(page: Page) -> bool:
    """Drag over a part of the first chart; whether the page has taken it for a span."""
    box = page.locator("[data-chart]").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60, steps=5)
    page.mouse.up()
    return page.get_by_role("button", name="Zoom in").is_enabled()
