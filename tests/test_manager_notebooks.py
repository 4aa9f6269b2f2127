"""Notebooks from the manager console: a form, a job, and a report in a frame that is kept apart."""

import re
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from tests.browser import find_chromium
from tests.consoles import FLAGS, MILLISECONDS, WIDE, Visit
from tests.test_up import Project


@pytest.mark.browser
def test_a_notebook_is_run_by_a_form_and_its_report_is_shown_apart(tmp_path: Path) -> None:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    (tmp_path / "notebooks").mkdir()
    cells = [
        nbformat.v4.new_code_cell("size = 3  # how large", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("from pqkit.notebook import record\nrecord('area', size * size)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "square.ipynb")
    project = Project(tmp_path)
    project.up(PQKIT_TASKS="pqkit.notebook", PQKIT_WORKERS="1")
    url = f"http://127.0.0.1:{project.ports[1]}/"
    try:
        project.wait_for("stop             Ctrl+C")
        (password,) = re.findall(r"admin, with the password (\S+)", project.said())
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=MILLISECONDS)
            context = browser.new_context(viewport=WIDE)
            context.set_default_timeout(MILLISECONDS)
            visit = Visit(context, url)
            visit.log_in("admin", password)
            page = visit.page
            page.get_by_role("tab", name="Notebooks").click()
            page.get_by_label("size (int)").fill("12")
            page.get_by_label("size (int)").press("Tab")
            page.get_by_role("button", name="Run it as a job").click()
            visit.shows("runs square.ipynb", "area = 144")
            page.get_by_role("button", name="Show its report").click()
            frame = page.locator("iframe.report")
            page.frame_locator("iframe.report").get_by_text("area = 144").wait_for()
            assert frame.get_attribute("sandbox") == "allow-scripts"
            address = url + (frame.get_attribute("src") or "").removeprefix("./")
            assert "sandbox allow-scripts" in page.request.get(address).headers["content-security-policy"]
            browser.close()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address)
    finally:
        project.kill()
