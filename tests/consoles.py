"""The two consoles as a person meets them: a real server, a real browser, a real database.

A live page replaces its elements at any moment. So every question to it is asked again until the answer fits
(``wait_until``), and an element that has just been replaced answers with ``GONE``, which fits nothing.
"""

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pytest
from playwright.sync_api import BrowserContext, Error, Locator, Page, Playwright, sync_playwright

from pqkit.auth import Users
from pqkit.domain.outcomes import completed, ended_by
from pqkit.leasing.worker_leases import Report
from pqkit.queue import Finished, Leases, Queue, get_queue
from pqkit.security.permissions import Role
from pqkit.supervise import workspace
from tests.hostile import HOSTILE, XSS
from tests.support import PATIENCE, free_port, wait_until
from tests.verbs import SECOND, sql

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
GONE = math.nan
MILLISECONDS = 1000 * PATIENCE
A_MOMENT = 3_000
"""Milliseconds after which a click that nothing has come of is worth another one."""
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
FIRST_SIGHT = {"ops": "canvas", "manager": ".tabulator-row"}
PASSWORD = "correct horse battery"
PEOPLE = {"ada": Role.ADMIN, "olga": Role.OPERATOR, "vera": Role.VIEWER}


class Consoles:
    """A real `pqkit dashboards`, with both pages, on a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.queue: Queue = get_queue(f"sqlite:///{self.data}/queue.db")
        for name, role in PEOPLE.items():
            Users(self.queue.operator()).add(name, PASSWORD, role)
        self.ports = {"ops": free_port(), "manager": free_port()}
        self.process = start(self.queue, folder, **self.ports)
        wait_until(lambda: self._ended() or all(map(answers, self.ports.values())), what="the consoles' start")
        assert not self._ended(), (folder / "output").read_text()

    def url(self, page: str) -> str:
        return f"http://127.0.0.1:{self.ports[page]}/"

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.queue.close()

    def _ended(self) -> bool:
        return self.process.poll() is not None


def start(
    queue: Queue, folder: Path, *words: str, ops: int, manager: int, **settings: str
) -> "subprocess.Popen[bytes]":
    """Start it on that queue; what it says goes to the files ``output`` and ``errors`` in the folder."""
    ports = {f"PQKIT_{name.upper()}": value for name, value in settings.items()}
    ports |= {"PQKIT_OPS_PORT": str(ops), "PQKIT_MANAGER_PORT": str(manager)}
    with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "pqkit", "dashboards", *words],
            cwd=folder,
            env={**os.environ, "PQKIT_URL": queue.database.url, **ports},
            stdout=output,
            stderr=errors,
        )


def answers(port: int) -> bool:
    return workspace.listens("127.0.0.1", port)


def fill(queue: Queue) -> None:
    """120 done, one that failed for good, one held by a worker that is silent, two waiting; hostile words wherever a
    user may put words, and forty kinds of them in the log of the one that failed."""
    worker = queue.leases(HOSTILE, 4, [HOSTILE, "resize"])
    worker.register()
    queue.enqueue_many("resize", [{"path": f"photo-{n}.jpg"} for n in range(120)], queue="images")
    _finish(queue, worker, 120, None)
    queue.enqueue(HOSTILE, {"text": HOSTILE}, queue=HOSTILE, max_retries=0)
    _finish(queue, worker, 1, ValueError(HOSTILE), logs=XSS)
    worker.beat()  # hands in what its runs came to
    queue.enqueue("resize", {"path": "running.jpg"}, queue="images")
    worker.exchange([], 1, alone=True)
    queue.enqueue_many("resize", [{"path": "waiting.jpg"}] * 2, queue="images")
    sql(queue, f"UPDATE worker SET machine_at = NULL, beat = beat - {60 * SECOND}")


def hostile(queue: Queue) -> None:
    """For each of forty hostile strings a queue, a worker and an error with it as the name."""
    for number, words in enumerate(XSS):
        task = f"xss {number}"  # or errors that are alike would be one group
        worker = queue.leases(words, 1, [task], [words])
        worker.register()
        queue.enqueue(task, {"text": words}, queue=words, max_retries=0)
        _finish(queue, worker, 1, ValueError(words))
        worker.beat()
        queue.operator(words[:60]).pause(words, reason=words)


def _finish(queue: Queue, worker: Leases, count: int, error: Exception | None, logs: Sequence[str] = ()) -> None:
    turn, now = worker.exchange([], count, alone=True), queue.database.now()
    worker.beat([Report(claim, now, None, line) for claim in turn.claims for line in logs])
    outcomes = [completed({"ok": True}) if error is None else ended_by(claim, error) for claim in turn.claims]
    worker.exchange([Finished(c, o, now, now) for c, o in zip(turn.claims, outcomes, strict=True)], 0, alone=True)


class Browser:
    """A Chromium, started when first asked; after a test that failed it is ended, and the next one gets a new one."""

    def __init__(self, playwright: Playwright, chromium: str, consoles: Consoles) -> None:
        self._playwright, self._chromium, self._consoles = playwright, chromium, consoles
        self._context: BrowserContext | None = None
        self._visits: dict[str, Visit] = {}

    @property
    def context(self) -> BrowserContext:
        if self._context is None:
            launched = self._playwright.chromium.launch(
                executable_path=self._chromium, args=FLAGS, timeout=MILLISECONDS
            )
            self._context = launched.new_context(viewport=WIDE)
            self._context.set_default_timeout(MILLISECONDS)
        return self._context

    def console(self, name: str) -> "Visit":
        """The page that the tests share."""
        if name not in self._visits:
            self._visits[name] = self._visit(self.context, name, "ada")
        return self._visits[name]

    def stranger(self, name: str, color_scheme: Literal["light", "dark"] = "light", who: str = "ada") -> "Visit":
        """The page for somebody who has not been here before, and whose system is light or dark."""
        return self._visit(self.new_context(color_scheme), name, who)

    def new_context(self, color_scheme: Literal["light", "dark"] = "light") -> BrowserContext:
        assert self.context.browser
        context = self.context.browser.new_context(viewport=WIDE, color_scheme=color_scheme)
        context.set_default_timeout(MILLISECONDS)
        return context

    def _visit(self, context: BrowserContext, name: str, who: str) -> "Visit":
        visit = Visit(context, self._consoles.url(name))
        if name == "manager":
            visit.log_in(who)
        visit.page.locator(FIRST_SIGHT[name]).first.wait_for()
        return visit

    def end(self) -> None:
        self._visits.clear()
        if self._context is not None and self._context.browser is not None:
            with suppress(Error):  # it may have crashed
                self._context.browser.close()
        self._context = None


@contextmanager
def browser_for(consoles: Consoles, chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = Browser(playwright, chromium, consoles)
        yield browser
        browser.end()


class Visit:
    """One page, and the addresses that it asked for."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.asked: list[str] = []
        self.password = PASSWORD
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.go(url)

    def log_in(self, name: str, password: str = PASSWORD) -> None:
        self.password = password
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def go(self, url: str) -> None:
        self.page.goto(url, wait_until="commit")  # the page may send itself on to its dark side

    def shows(self, *words: str) -> None:
        """Wait until all these words are to be seen."""
        for each in words:
            self.page.get_by_text(each).locator("visible=true").first.wait_for()

    def shows_no_more(self, words: str) -> None:
        self.page.get_by_text(words).locator("visible=true").first.wait_for(state="hidden")

    def tile(self, label: str) -> int:
        """The number on a tile."""
        tile = self.page.locator(".tile").filter(has=self.page.get_by_text(label, exact=True)).locator("b").first
        return int(tile.inner_text().replace(",", ""))

    def tile_becomes(self, label: str, number: int) -> None:
        wait_until(lambda: self.tile(label) == number, what=f"{number} on the tile {label}")

    def column(self, title: str) -> list[str]:
        """What stands in a column of the table."""
        return self.page.locator(f'.tabulator-row .tabulator-cell[tabulator-field="{title}"]').all_inner_texts()

    def column_becomes(self, title: str, *words: str) -> None:
        """Wait for these words alone; what is there instead, and under which filter, is told."""
        try:
            wait_until(lambda: set(self.column(title)) == set(words))
        except AssertionError:
            chosen = self.page.get_by_role("combobox").all_inner_texts()
            pytest.fail(f"{title} is {set(self.column(title))} and not {words} alone; the menus say {chosen}")

    def jobs(self) -> list[int]:
        return [int(job) for job in self.column("Job") if job.isdecimal()]

    def tick(self, *jobs: int) -> None:
        """Tick these rows of the table."""
        for job in jobs:
            row = self.cell(job).locator("xpath=..")
            row.locator("input[type=checkbox]").check()

    def turn_to(self, tab: str) -> None:
        self.page.get_by_role("tab", name=tab, exact=True).click()

    def cell(self, job: int) -> Locator:
        cells = self.page.locator('.tabulator-row .tabulator-cell[tabulator-field="Job"]')
        return cells.filter(has=self.page.get_by_text(str(job), exact=True)).first

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).first.click()

    def fill(self, label: str, words: str) -> None:
        field = self.page.get_by_label(label, exact=True).locator("visible=true").first
        field.fill(words)
        field.press("Enter")

    def choose(self, label: str, option: str) -> None:
        """Choose in one of the page's menus until it shows that: as a person does, once more where a click was lost."""
        menu = self.page.locator("[role=combobox]").and_(self.page.get_by_label(label, exact=True))
        menu = menu.locator("visible=true").first
        item = self.page.get_by_role("menuitem", name=option, exact=True)

        def chosen() -> bool:
            if menu.inner_text() == option:
                return True
            with suppress(Error):  # nothing has come of it in a moment
                if menu.get_attribute("aria-expanded") != "true":
                    menu.click(timeout=A_MOMENT)
                item.click(timeout=A_MOMENT)
            return False

        wait_until(chosen, what=f"{option} as {label}")
        item.first.wait_for(state="hidden")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.page.context.close()


def seen(element: Locator, expression: str) -> Any:
    """The value of a script about the element ``it``; ``GONE`` where the page has just replaced it or itself."""
    try:
        value = element.first.evaluate(f"it => it.isConnected ? {expression} : null")
    except Error:
        return GONE
    return GONE if value is None else value


def brightness(element: Locator, what: str) -> float:
    """Of its ``color`` or ``backgroundColor``, from 0 to 255."""
    color = seen(element, f"getComputedStyle(it).{what}")
    parts = [float(part) for part in re.findall(r"[\d.]+", str(color))[:3]]
    return sum(parts) / 3 if len(parts) == 3 else GONE
