"""What a person meets in the manager console who may not, comes too late, or types what makes no sense."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext

from dashboards.manager.reports import MOST_BYTES
from pqkit import queries
from pqkit.domain.states import JobState
from pqkit.files import private_folder
from pqkit.notebook.run_store import Run
from pqkit.queries import Trace
from tests.consoles import MILLISECONDS, WIDE, Consoles, Visit
from tests.support import wait_until
from tests.verbs import claim_one, complete

pytestmark = pytest.mark.browser
NAME = "20260101-000000-secret"


@pytest.fixture
def context(chromium: Chromium) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport=WIDE)
    made.set_default_timeout(MILLISECONDS)
    yield made
    made.close()


def at_the_manager(context: BrowserContext, consoles: Consoles, name: str) -> Visit:
    visit = Visit(context, consoles.url("manager"))
    visit.log_in(name)
    visit.page.locator(".tabulator-row").first.wait_for()
    return visit


@pytest.mark.parametrize(("name", "status"), [("vera", 403), ("olga", 403), ("ada", 200)])
def test_a_report_with_secrets_is_shown_to_those_alone_who_may_read_them(
    consoles: Consoles, folder: Path, context: BrowserContext, name: str, status: int
) -> None:
    run = private_folder(folder / "runs" / NAME)
    (run / "report.html").write_text("<h1>the secret of job 7</h1>")
    Run("job-7.ipynb", {}, {}, began_at=1, verdict="passed", ended_at=2, secret=True).write(run)
    page = at_the_manager(context, consoles, name).page
    answer = page.goto(f"{consoles.url('manager')}runs/{NAME}")
    assert answer
    assert answer.status == status
    if status == 200:
        page.frame_locator("iframe.report").get_by_role("heading", name="the secret of job 7").wait_for()
    else:
        assert "secret of job" not in page.content()


def test_a_report_that_is_too_long_to_send_is_refused_before_it_is_read(
    consoles: Consoles, folder: Path, context: BrowserContext
) -> None:
    run = private_folder(folder / "runs" / "20260101-000000-long")
    with (run / "report.html").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    Run("a.ipynb", {}, {}, began_at=1, verdict="passed", ended_at=2).write(run)
    page = at_the_manager(context, consoles, "vera").page
    answer = page.goto(f"{consoles.url('manager')}runs/{run.name}")
    assert answer
    assert answer.status == 413


def test_who_opens_a_job_in_a_notebook_is_on_record_and_a_viewer_cannot(
    consoles: Consoles, folder: Path, context: BrowserContext
) -> None:
    job = consoles.queue.enqueue("resize", {"password": "hunter2"}, queue="idle").id
    olga = at_the_manager(context, consoles, "olga")
    olga.turn_to("Notebooks")
    olga.page.get_by_label("Number of a failed job").fill(str(job))
    olga.page.get_by_label("Number of a failed job").press("Tab")
    olga.press("Open in a notebook")
    olga.shows(f"opens job {job}")
    (entry,) = queries.trail(consoles.queue.database, Trace(verb="write_notebook"))
    assert entry.who == "olga"
    assert f'"job": {job}' in entry.detail
    (written,) = folder.rglob(f"job-{job}.ipynb")
    assert "hunter2" not in written.read_text()
    consoles.queue.operator().cancel([job])


def test_a_cancel_that_comes_too_late_says_so_beside_the_job(consoles: Consoles, context: BrowserContext) -> None:
    queue = consoles.queue
    job = queue.enqueue("late", queue="late").id
    visit = at_the_manager(context, consoles, "olga")
    visit.fill("Open job number", str(job))
    visit.shows(f"Job {job}")
    visit.page.get_by_role("button", name="Cancel", exact=True).last.click()
    visit.page.get_by_label("Why (goes on record)").fill("no longer wanted")
    visit.page.get_by_label("Why (goes on record)").press("Tab")
    worker = queue.leases("quick", 1, ["late"], ["late"])
    worker.register()
    complete(worker, queue, claim_one(worker))
    visit.page.get_by_role("button", name="Cancel", exact=True).first.click()
    visit.shows("the cancel came too late")
    assert queue.state(job) is JobState.COMPLETED


def test_a_search_for_blanks_alone_finds_all_and_one_that_fits_nothing_says_so(
    consoles: Consoles, context: BrowserContext
) -> None:
    before = queries.counts(consoles.queue.database)
    visit = at_the_manager(context, consoles, "olga")
    everything = visit.jobs()
    visit.fill("In arguments", "   ")
    visit.shows("Blanks alone are no filter")
    wait_until(lambda: visit.jobs() == everything, what="all jobs")
    visit.fill("In arguments", "nothing has this in it")
    visit.fill("In last error", "nor this")
    visit.shows("No job fits.")
    visit.shows("none")
    assert queries.counts(consoles.queue.database) == before
