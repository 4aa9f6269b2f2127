"""Notebooks from the manager console: a form, a job, and a report in a frame that is kept apart; notebooks that it
writes, run in a kernel."""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from tests.browser import find_chromium
from tests.consoles import FLAGS, MILLISECONDS, WIDE, Visit
from tests.support import wait_until
from tests.test_up import Project

PRICES = """
from pqkit import task


@task(max_retries=0)
def price(row: int, *, ctx) -> float:
    ctx.log(f"row {row}")
    return 1 / row
"""


@contextmanager
def console(project: Project, **settings: str) -> Iterator[Visit]:
    """The manager console of a whole system under `pqkit up`, with its first person logged in."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    project.up(PQKIT_WORKERS="1", **settings)
    try:
        project.wait_for("stop             Ctrl+C")
        (password,) = re.findall(r"admin, with the password (\S+)", project.said())
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=MILLISECONDS)
            context = browser.new_context(viewport=WIDE)
            context.set_default_timeout(MILLISECONDS)
            visit = Visit(context, f"http://127.0.0.1:{project.ports[1]}/")
            visit.log_in("admin", password)
            visit.turn_to("Notebooks")
            yield visit
            browser.close()
    finally:
        project.kill()


def fill(visit: Visit, label: str, words: str) -> None:
    visit.page.get_by_label(label).fill(words)
    visit.page.get_by_label(label).press("Tab")


@pytest.mark.browser
def test_a_notebook_is_run_by_a_form_and_its_report_is_shown_apart(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    cells = [
        nbformat.v4.new_code_cell("size = 3  # how large", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("from pqkit.notebook import record\nrecord('area', size * size)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "square.ipynb")
    with console(Project(tmp_path), PQKIT_TASKS="pqkit.notebook") as visit:
        page = visit.page
        visit.choose("Notebook", "square.ipynb")
        fill(visit, "size (int)", "many")
        visit.press("Run it as a job")
        visit.shows("Parameter 'size' (int): Input should be a valid integer, not 'many'.")
        fill(visit, "size (int)", "12")
        visit.press("Run it as a job")
        visit.shows("runs square.ipynb", "area = 144")
        visit.press("Show its report")
        frame = page.locator("iframe.report")
        page.frame_locator("iframe.report").get_by_text("area = 144").wait_for()
        assert frame.get_attribute("sandbox") == "allow-scripts"
        address = page.url + (frame.get_attribute("src") or "").removeprefix("./")
        assert "sandbox allow-scripts" in page.request.get(address).headers["content-security-policy"]
        with page.expect_popup() as opened:
            page.get_by_role("link", name="report").click()
        opened.value.frame_locator("iframe.report").get_by_text("area = 144").wait_for()
        assert opened.value.url == address
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address)


@pytest.mark.browser
def test_an_incident_becomes_a_regression_and_a_failed_job_a_notebook_and_both_pass(tmp_path: Path) -> None:
    """What the console's buttons write is run as whoever finds it would: by `pqkit run`, and by pytest."""
    (tmp_path / "prices.py").write_text(PRICES)
    project = Project(tmp_path)
    began = datetime.now(UTC)
    with console(project, PQKIT_TASKS="pqkit.notebook,prices") as visit:
        project.pqkit("enqueue", "price", "--arg", "row=1", PQKIT_TASKS="prices")
        failed = project.pqkit("enqueue", "price", "--arg", "row=0", PQKIT_TASKS="prices").stdout.split()[1]
        wait_until(lambda: '"price"' in project.pqkit("jobs", "failed", "--json").stdout, what="a failed job")
        visit.choose("Notebook", "incident.ipynb")
        fill(visit, "live (bool)", "true")
        fill(visit, "start (str | None)", began.isoformat())
        fill(visit, "end (str | None)", (datetime.now(UTC) + timedelta(seconds=1)).isoformat())
        visit.press("Run it as a job")
        visit.shows("price failed 1 times: ZeroDivisionError")
        visit.press("Make it a regression")
        visit.shows("plays 2 jobs and 0 deaths again")
        fill(visit, "Number of a failed job", failed)
        visit.press("Open in a notebook")
        visit.shows(f"opens job {failed}")
    (regression,) = (tmp_path / "notebooks").glob("regression-*.ipynb")
    ran = project.pqkit("run", str(regression))
    assert ran.returncode == 0, ran.stdout
    opened = tmp_path / "notebooks" / f"job-{failed}.ipynb"
    options = ["-p", "no:cacheprovider", "--rootdir", str(tmp_path), "--nbval-lax", "--nbval-current-env"]
    command = [sys.executable, "-m", "pytest", *options, str(opened)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
