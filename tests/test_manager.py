"""The manager console as people use it: a whole system under `pqkit up`, and a real browser."""

import json
import math
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, sync_playwright

from pqkit import queries
from pqkit.auth import Users
from pqkit.domain.outcomes import ended_by
from pqkit.domain.states import JobState
from pqkit.leasing.worker_leases import Report
from pqkit.queries import Trace
from pqkit.queue import Finished, Queue, get_queue
from pqkit.security.permissions import Role
from tests.browser import find_chromium
from tests.conftest import has_failed
from tests.consoles import FLAGS, MILLISECONDS, PASSWORD, WIDE, Visit, seen
from tests.hostile import XSS
from tests.support import wait_until
from tests.test_up import Project

S = JobState
TASKS = """
import time
from pathlib import Path

from pqkit import Fail, task

@task(queue="shop", max_retries=0)
def ship(order: int, gift: bool = False) -> str:
    if Path("broken").exists():
        raise Fail(f"no parcel for order {order}")
    return f"shipped {order}"

@task(queue="slow")
def dawdle(*, ctx):
    ctx.progress(0.25, "a quarter")
    ctx.log("it has begun")
    while not ctx.should_stop():
        time.sleep(0.05)
    ctx.give_way()
"""

# What the server knows of each thing in the page that has this label.
MODELS = "[...Bokeh.documents[0]._all_models.values()].map(it => it.data).filter(data => data?.label == label)"

pytestmark = pytest.mark.browser


class Shop:
    """A running system with a shop's tasks, its queue, and who may log in."""

    def __init__(self, folder: Path) -> None:
        (folder / "shop.py").write_text(TASKS)
        self.project = Project(folder)
        self.project.up(PQKIT_TASKS="shop", PQKIT_WORKERS="1", PQKIT_MAX_WORKERS="3")
        self.project.wait_for("stop             Ctrl+C")
        self.queue: Queue = get_queue(f"sqlite:///{folder}/data/queue.db")
        people = Users(self.queue.operator())
        for name, role in {"olga": Role.OPERATOR, "vera": Role.VIEWER}.items():
            people.add(name, PASSWORD, role)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.project.ports[1]}/"

    @property
    def first_password(self) -> str:
        return re.findall(r"admin, with the password (\S+)", self.project.said())[0]

    def break_(self) -> None:
        (self.project.folder / "broken").touch()

    def mend(self) -> None:
        (self.project.folder / "broken").unlink(missing_ok=True)

    def failed(self, count: int) -> list[int]:
        """So many jobs that the worker has failed."""
        self.break_()
        ids = self.queue.enqueue_many("ship", [{"order": n} for n in range(count)], queue="shop", max_retries=0)
        wait_until(lambda: all(self.queue.state(job) is S.FAILED for job in ids), what=f"{count} failures")
        self.mend()
        return ids

    def becomes(self, job: int, state: JobState) -> None:
        wait_until(lambda: self.queue.state(job) is state, what=f"job {job} {state}")

    def last(self, verb: str) -> queries.Entry:
        return queries.trail(self.queue.database, Trace(verb=verb))[0]

    def close(self) -> None:
        self.queue.close()
        self.project.kill()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    yield shop
    shop.close()


class Doors:
    """A browser in which each person has a window of their own."""

    def __init__(self, shop: Shop) -> None:
        chromium = find_chromium()
        if chromium is None:
            pytest.skip("no Chromium: tests/browser.py says where one is looked for")
        self._shop, self._playwright = shop, sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=MILLISECONDS)
        self._visits: dict[str, Visit] = {}

    def knock(self, address: str = "") -> Visit:
        """Somebody whom nobody knows."""
        context = self._browser.new_context(viewport=WIDE)
        context.set_default_timeout(MILLISECONDS)
        return Visit(context, self._shop.url + address)

    def let_in(self, name: str) -> Visit:
        if name not in self._visits:
            visit = self._visits[name] = self.knock()
            visit.log_in(name, self._shop.first_password if name == "admin" else PASSWORD)
            visit.page.get_by_role("tab", name="Jobs", exact=True).wait_for()
        return self._visits[name]

    def forget(self) -> None:
        for visit in self._visits.values():
            visit.page.context.close()
        self._visits.clear()

    def close(self) -> None:
        self._browser.close()
        self._playwright.stop()


@pytest.fixture(scope="module")
def all_doors(shop: Shop) -> Iterator[Doors]:
    doors = Doors(shop)
    yield doors
    doors.close()


@pytest.fixture
def doors(all_doors: Doors, request: pytest.FixtureRequest) -> Iterator[Doors]:
    yield all_doors
    if has_failed(request.node):
        all_doors.forget()


@pytest.fixture
def admin(doors: Doors) -> Visit:
    """The administrator whom the first `pqkit up` has made, at the jobs table without a filter."""
    visit = doors.let_in("admin")
    visit.turn_to("Jobs")
    visit.choose("State", "any")
    return visit


def sheet(page: Page) -> Locator:
    """The open question."""
    asked = page.locator(".MuiPaper-outlined").filter(has=page.get_by_label("Why (goes on record)"))
    return asked.locator("visible=true").first


def confirm(visit: Visit, label: str, why: str = "") -> None:
    """Say why, give the password where that is asked for, and do it."""
    asked = sheet(visit.page)
    asked.get_by_label("Why (goes on record)").fill(why)
    asked.get_by_label("Why (goes on record)").press("Tab")
    password = asked.get_by_label("Your password, once more")
    if password.is_visible():
        password.fill(visit.password)
        password.press("Tab")
    asked.get_by_role("button", name=label, exact=True).click()


def open_job(visit: Visit, job: int) -> None:
    visit.fill("Open job number", str(job))
    visit.shows(f"Job {job}")


def card_button(visit: Visit, label: str) -> Locator:
    """A button of the card of the chosen job."""
    cards = visit.page.locator(".MuiPaper-outlined").filter(has=visit.page.get_by_text("What happened"))
    return cards.get_by_role("button", name=label, exact=True)


# Who is let in


def test_nobody_is_let_in_without_a_password_and_guessing_gets_slow(doors: Doors) -> None:
    with doors.knock("?state=failed") as visit:
        visit.page.get_by_label("Password").wait_for()
        for _ in range(6):
            visit.log_in("admin", "wrong password")
            visit.page.get_by_role("alert").wait_for()
        visit.shows("Too many logins have failed")
        assert visit.page.locator(".tabulator").count() == 0


@pytest.fixture(autouse=True)
def nobody_waits(shop: Shop) -> Iterator[None]:
    yield
    with shop.queue.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM throttle")


def test_the_first_administrator_gets_in_where_the_address_led(shop: Shop, doors: Doors) -> None:
    (job,) = shop.failed(1)
    with doors.knock("?state=failed") as visit:
        visit.log_in("admin", shop.first_password)
        visit.column_becomes("State", "failed")
        assert job in visit.jobs()
        assert "state=failed" in visit.page.url
        cookies = {cookie["name"]: cookie for cookie in visit.page.context.cookies()}
        session = next(cookie for name, cookie in cookies.items() if re.fullmatch(r"pqkit_\d+", name))
        assert session["httpOnly"]
        assert session["sameSite"] == "Strict"
        assert session["value"] not in visit.page.content()


@pytest.mark.parametrize("tab", ["Jobs", "Clean up"])
def test_a_session_that_ends_takes_the_data_off_open_pages(shop: Shop, doors: Doors, tab: str) -> None:
    with doors.knock() as visit:
        visit.log_in("olga")
        visit.turn_to(tab)
        visit.page.get_by_role("tab", name=tab, exact=True, selected=True).wait_for()
        Users(shop.queue.operator()).set_password("olga", PASSWORD)
        visit.shows("log in again")
        assert visit.page.locator(".tabulator").count() == 0
        assert visit.page.get_by_role("button", name="Log out").count() == 0
        visit.page.reload()
        visit.page.get_by_label("Password").wait_for()


def test_who_logs_out_is_out(doors: Doors) -> None:
    with doors.knock() as visit:
        visit.log_in("olga")
        visit.press("Log out")
        visit.shows("You are logged out")
        assert not [cookie for cookie in visit.page.context.cookies() if re.fullmatch(r"pqkit_\d+", cookie["name"])]
        visit.page.reload()
        visit.page.get_by_label("Password").wait_for()


def test_the_page_runs_only_its_own_scripts(doors: Doors) -> None:
    with doors.knock() as visit:
        answer = visit.page.request.get(visit.page.url)
        rules = answer.headers["content-security-policy"]
        scripts = next(rule for rule in rules.split("; ") if rule.startswith("script-src"))
        assert "unsafe-inline" not in scripts
        assert "default-src 'none'" in rules
        visit.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran=1'}))"
        )
        assert visit.page.evaluate("window.ran") is None


# Acting on jobs


def test_a_failed_job_is_resubmitted_and_followed_until_it_is_completed(shop: Shop, admin: Visit) -> None:
    (job,) = shop.failed(1)
    open_job(admin, job)
    admin.shows("no parcel for order 0")
    assert not card_button(admin, "Mark failed").is_visible()
    card_button(admin, "Resubmit").click()
    admin.shows(f"Resubmit job {job}")
    confirm(admin, "Resubmit", "mended")
    shop.becomes(job, S.COMPLETED)
    admin.shows("completed: done; the result is kept", "shipped 0")
    assert (shop.last("resubmit").who, shop.last("resubmit").reason) == ("admin", "mended")


def test_a_running_job_is_shown_as_it_goes_and_canceled_honestly(shop: Shop, admin: Visit) -> None:
    job = shop.queue.enqueue("dawdle", queue="slow").id
    shop.becomes(job, S.PROCESSING)
    open_job(admin, job)
    admin.shows("processing: a worker holds it", "a quarter", "it has begun")
    card_button(admin, "Cancel").click()
    confirm(admin, "Cancel", "not needed")
    shop.becomes(job, S.CANCELED)
    admin.shows("canceled: called off", "cancel by admin")


def test_a_job_is_resubmitted_with_other_arguments(shop: Shop, admin: Visit) -> None:
    (job,) = shop.failed(1)
    open_job(admin, job)
    card_button(admin, "Edit and resubmit").click()
    admin.page.get_by_label("Arguments (JSON)").fill('{"order": 4711}')
    admin.page.get_by_label("Arguments (JSON)").press("Tab")
    confirm(admin, "Resubmit")
    admin.shows(f"is queued instead of job {job}")
    new = shop.last("enqueue").job_id
    assert new is not None
    shop.becomes(new, S.COMPLETED)
    assert "4711" in queries.job(shop.queue.database, new).job.args
    admin.shows(f"now job {new}")


def test_many_jobs_are_resubmitted_by_steps_and_undone_while_nobody_has_them(shop: Shop, admin: Visit) -> None:
    shop.queue.operator().pause("shop")
    shop.queue.operator().resume("shop")
    ids = shop.failed(8)
    shop.queue.operator().pause("shop", reason="for the undo")
    try:
        admin.choose("State", "failed")
        admin.column_becomes("State", "failed")
        admin.tick(*ids)
        admin.shows("8 jobs ticked")
        admin.press("Resubmit")
        admin.shows("Resubmit 8 jobs?", "Fail: no parcel for order …", "canaries")
        confirm(admin, "Resubmit", "carrier is back")
        wait_until(lambda: sum(shop.queue.state(job) is S.PENDING for job in ids) == 5, what="five canaries")
        admin.turn_to("Redrives")
        admin.shows("Under way 5")
        admin.press("Undo")
        confirm(admin, "Undo")
        admin.shows("5 jobs put back")
        assert {shop.queue.state(job) for job in ids} == {S.FAILED}
    finally:
        shop.queue.operator().resume("shop")


def test_a_redrive_that_fails_again_is_seen_to_stop(shop: Shop, admin: Visit) -> None:
    ids = shop.failed(12)
    shop.break_()
    frozen = dict.fromkeys(ids, S.FAILED)
    redrive = shop.queue.redrives("admin").start(frozen)
    admin.turn_to("Redrives")
    admin.shows(f"Redrive {redrive} of 12 jobs", "failed again at")
    shop.mend()
    assert queries.redrive(shop.queue.database, redrive).tally.waiting == 7


def test_what_is_ticked_and_scrolled_stays_while_the_page_refreshes(shop: Shop, admin: Visit) -> None:
    ids = shop.queue.enqueue_many("nobody", [{"n": n} for n in range(60)], queue="idle")
    admin.choose("Queue", "idle")
    admin.column_becomes("Queue", "idle")
    admin.tick(ids[-2])
    admin.shows("1 job ticked")
    far_down = admin.page.locator(".tabulator-row").nth(40)
    far_down.scroll_into_view_if_needed()
    before = far_down.bounding_box()
    newest = shop.queue.enqueue("nobody", queue="idle").id
    wait_until(lambda: newest in admin.jobs(), what="a refresh")
    admin.shows("1 job ticked")
    assert admin.page.locator(".tabulator-row").nth(40).bounding_box() == before
    admin.choose("Queue", "any")
    shop.queue.operator().cancel([*ids, newest])


def test_the_table_that_one_turns_back_to_is_still_the_same_and_follows_at_once(shop: Shop, admin: Visit) -> None:
    """A page that built it anew would lose what is sent to it meanwhile."""
    ids = shop.queue.enqueue_many("nobody", [{"n": n} for n in range(3)], queue="idle")
    table = admin.page.locator(".tabulator").first
    table.evaluate("it => { it.known = true }")
    admin.turn_to("Queues")
    table.wait_for(state="hidden")
    admin.turn_to("Jobs")
    admin.choose("Queue", "idle")
    admin.column_becomes("Queue", "idle")
    assert seen(table, "it.known") is True
    admin.choose("Queue", "any")
    shop.queue.operator().cancel(ids)


def test_the_tab_key_goes_from_row_to_row(shop: Shop, admin: Visit) -> None:
    ids = shop.queue.enqueue_many("nobody", [{"n": n} for n in range(3)], queue="idle")
    admin.choose("Queue", "idle")
    admin.column_becomes("Queue", "idle")
    ticks = admin.page.locator(".tabulator-row input[type=checkbox]")

    def goes_on_to(row: int) -> bool:
        ticks.nth(row - 1).focus()  # anew, where the table has just built its rows anew
        admin.page.keyboard.press("Tab")
        return seen(ticks.nth(row), "it.matches(':focus')") is True

    for row in (1, 2):
        wait_until(lambda row=row: goes_on_to(row), what=f"the keyboard on row {row}")  # type: ignore[misc]
    admin.page.keyboard.press("Space")
    admin.shows("1 job ticked")
    admin.choose("Queue", "any")
    shop.queue.operator().cancel(ids)


def test_the_keyboard_stays_with_its_job_when_another_comes_into_the_table(shop: Shop, admin: Visit) -> None:
    ids = shop.queue.enqueue_many("nobody", [{"n": n} for n in range(2)], queue="idle")
    admin.choose("Queue", "idle")
    admin.column_becomes("Queue", "idle")
    tick = admin.cell(ids[0]).locator("xpath=..").locator("input[type=checkbox]")
    tick.focus()
    late = shop.queue.enqueue("nobody", queue="idle").id
    admin.cell(late).wait_for()
    wait_until(lambda: seen(tick, "it.matches(':focus')") is True, what="the keyboard on the same job")
    admin.choose("Queue", "any")
    shop.queue.operator().cancel([*ids, late])


def test_the_wheel_scrolls_the_page_over_the_table_and_a_question_is_asked_where_one_looks(
    shop: Shop, admin: Visit
) -> None:
    ids = shop.queue.enqueue_many("nobody", [{"n": n} for n in range(60)], queue="idle")
    admin.choose("Queue", "idle")
    admin.column_becomes("Queue", "idle")
    open_job(admin, ids[-1])
    admin.shows(f"Job {ids[-1]}")
    rows = admin.page.locator(".tabulator-row")
    rows.nth(3).hover()
    above = top(rows.nth(40))
    admin.page.mouse.wheel(0, 900)
    wait_until(lambda: top(rows.nth(40)) < above - 600, what="the page below")
    card_button(admin, "Mark failed").click()
    admin.shows(f"Mark failed job {ids[-1]}?")
    assert top(rows.nth(3)) < 0 < top(admin.page.get_by_text(f"Mark failed job {ids[-1]}?")) < WIDE["height"]
    admin.press("Back")
    admin.press("Close")
    admin.choose("Queue", "any")
    shop.queue.operator().cancel(ids)


def top(element: Locator) -> float:
    """Where it begins below the window's upper edge."""
    box = element.bounding_box()
    return box["y"] if box else math.nan


# The other parts


def test_workers_are_scaled_and_one_is_restarted(shop: Shop, admin: Visit) -> None:
    admin.turn_to("Workers")
    admin.press("Scale")
    admin.fill("Workers", "2")
    confirm(admin, "Scale", "busy")
    admin.shows("1 started")
    wait_until(lambda: len(queries.workers(shop.queue.database)) == 2, what="two workers")
    admin.choose("Process", "worker_01")
    admin.press("Restart")
    confirm(admin, "Restart")
    admin.shows("Process worker_01 is restarted")
    assert shop.last("restart_process").who == "admin"
    assert shop.last("scale_workers").reason == "busy"


def test_a_job_is_queued_by_a_form_made_of_its_task(shop: Shop, admin: Visit) -> None:
    admin.turn_to("New job")
    admin.choose("Task", "ship")
    admin.fill("order", "many")
    admin.press("Queue the job")
    admin.shows("order")
    admin.fill("order", "12")
    admin.choose("gift (empty: False)", "true")
    admin.press("Queue the job")
    admin.shows("is queued")
    job = shop.last("enqueue").job_id
    assert job is not None
    assert json.loads(queries.job(shop.queue.database, job).job.args) == {"order": 12, "gift": True}
    shop.becomes(job, S.COMPLETED)


def test_ended_jobs_are_cleaned_up_after_a_preview(shop: Shop, admin: Visit) -> None:
    job = shop.queue.enqueue("nobody", queue="idle").id
    shop.queue.operator().cancel([job])
    admin.turn_to("Clean up")
    admin.choose("Ended as", "canceled")
    admin.fill("Ended more than so many days ago", "0")
    admin.press("Look for jobs")
    admin.shows("for good?")
    count = queries.counts(shop.queue.database)[S.CANCELED]
    admin.fill(f"Type {count} to go on", str(count))
    confirm(admin, "Delete", "tidy")
    admin.shows("deleted")
    wait_until(lambda: queries.counts(shop.queue.database)[S.CANCELED] == 0, what="their end")


def test_the_trail_shows_who_did_what_and_why(shop: Shop, admin: Visit) -> None:
    shop.queue.operator("grace").pause("shop", reason="a look at the trail")
    shop.queue.operator("grace").resume("shop")
    shop.queue.schedules("grace").add("yearly", task="ship", every=31e6, args={"order": 1, "token": "swordfish"})
    shop.queue.schedules("grace").delete("yearly")
    admin.turn_to("Audit trail")
    admin.fill("Who", "grace")
    admin.shows("a look at the trail", '"token": "•••"')
    assert "swordfish" not in admin.page.content()


# What must not happen


def test_no_words_of_others_are_run(shop: Shop, admin: Visit) -> None:
    workers = [shop.queue.leases(text, 1, [text]) for text in XSS]
    for worker, text in zip(workers, XSS, strict=True):
        worker.register()
        job = shop.queue.enqueue(text, {"text": text, text: 1}, queue=text, max_retries=0).id
        (claim,), now = worker.exchange([], 1, alone=True).claims, shop.queue.database.now()
        finished = [Finished(claim, ended_by(claim, ValueError(text)), now, now)]
        worker.exchange(
            finished, 0, alone=True, reports=[Report(claim, now, None, text), Report(claim, now, 0.5, text)]
        )
        open_job(admin, job)
        admin.shows("What happened")
    admin.choose("State", "unprocessable")
    admin.column_becomes("State", "unprocessable")
    for tab in ("Queues", "Workers", "Audit trail", "Jobs"):
        admin.turn_to(tab)
        admin.page.wait_for_timeout(500)
    assert admin.page.evaluate("window.hit") is None
    for worker in workers:
        worker.end("done")


def test_a_queue_is_made_paused_resumed_changed_and_deleted(shop: Shop, admin: Visit) -> None:
    admin.turn_to("Queues")
    admin.press("New queue")
    admin.fill("Name", "parcels")
    confirm(admin, "Make it")
    admin.shows("Queue parcels is made")
    admin.choose("Queue", "parcels")
    admin.press("Pause")
    admin.fill("For how long (30m, 2h; empty: until resumed)", "2h")
    confirm(admin, "Pause", "stocktaking")
    admin.shows(": stocktaking")
    admin.press("Resume")
    confirm(admin, "Resume")
    admin.shows("Queue parcels is resumed")
    admin.press("Settings")
    admin.fill("concurrency", "3")
    confirm(admin, "Change")
    admin.shows("concurrency 3")
    shop.queue.enqueue("nobody", queue="parcels")
    wait_until(lambda: admin.page.get_by_role("row", name=re.compile("parcels 1")).count() > 0, what="a job in it")
    admin.press("Delete")
    admin.shows("1 waiting jobs will be canceled first")
    confirm(admin, "Delete")
    admin.fill("Type parcels to go on", "parcels")
    confirm(admin, "Delete")
    admin.shows("Queue parcels is deleted")
    assert "parcels" not in [queue.name for queue in queries.queues(shop.queue.database)]


def test_the_page_says_that_it_works_while_a_deed_takes_long(shop: Shop, admin: Visit) -> None:
    admin.turn_to("Queues")
    admin.press("New queue")
    admin.fill("Name", "late")
    assert not admin.page.get_by_text("Working …").is_visible()
    with closing(sqlite3.connect(shop.project.folder / "data" / "queue.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        confirm(admin, "Make it")
        admin.shows("Working …")
    admin.shows("Queue late is made")
    admin.shows_no_more("Working …")


def test_a_schedule_is_added_run_and_deleted(shop: Shop, admin: Visit) -> None:
    admin.turn_to("Schedules")
    admin.press("New schedule")
    admin.fill("Name", "nightly")
    admin.page.get_by_role("textbox", name="Task", exact=True).fill("ship")
    admin.fill("Cron", "30 2 * * *")
    admin.fill("Arguments (JSON object)", '{"order": 1}')
    confirm(admin, "Add")
    admin.shows("Schedule nightly comes next at")
    admin.press("Run now")
    confirm(admin, "Run now")
    admin.shows("is queued")
    admin.press("Delete")
    admin.fill("Type nightly to go on", "nightly")
    confirm(admin, "Delete")
    admin.shows("Schedule nightly is deleted")


def test_a_viewer_sees_no_buttons_and_cannot_act_by_a_made_up_message(shop: Shop, doors: Doors) -> None:
    (job,) = shop.failed(1)
    viewer = doors.let_in("vera")
    open_job(viewer, job)
    viewer.shows("What happened")
    for label in ("Resubmit", "Cancel", "Delete"):
        assert viewer.page.get_by_role("button", name=label, exact=True).locator("visible=true").count() == 0
    assert viewer.page.evaluate(f"label => {MODELS}.length", "Resubmit") == 0  # nor one for a made-up message
    viewer.turn_to("Queues")
    viewer.shows("Oldest waits")
    press = f"label => {{ for (const data of {MODELS}) data.clicks = (data.clicks || 0) + 1 }}"
    viewer.page.evaluate(press, "Pause")  # as by a message that is made by hand: the button is not there to press
    viewer.shows("Pause queue ")
    viewer.page.evaluate(press, "Pause")
    viewer.shows("Vera may not pause")
    assert queries.trail(shop.queue.database, Trace(who="vera")) == []
    operator = doors.let_in("olga")
    open_job(operator, job)
    card_button(operator, "Resubmit").wait_for()
    operator.page.evaluate(press, "Resubmit")
    operator.shows(f"Resubmit job {job}")
    operator.page.evaluate(press, "Resubmit")
    shop.becomes(job, S.COMPLETED)
