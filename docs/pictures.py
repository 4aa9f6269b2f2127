"""The README's pictures of the consoles, taken from real ones at work: ``make docs-pictures``, about three minutes."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, sync_playwright

from pqkit import get_queue, lab, queries
from pqkit.auth import Users
from pqkit.domain.states import JobState
from pqkit.queue import Queue
from pqkit.security.permissions import Role

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import picture_tasks  # noqa: E402 - a worker must find it by this name too

from tests.browser import find_chromium  # noqa: E402

PORTS = {"PQKIT_OPS_PORT": "18502", "PQKIT_MANAGER_PORT": "18501"}
SECONDS = 150
PASSWORD = secrets.token_urlsafe(18)
CALLS: dict[str, Callable[[int], dict[str, Any]]] = {
    "thumbnail": lambda n: {"path": f"photos/2026/{n:05d}.jpg", "width": 400},
    "send_receipt": lambda n: {"order": 10_000 + n, "to": f"customer{n}@example.com"},
    "import_csv": lambda n: {"file": f"inbox/batch-{n:04d}.csv"},
    "nightly_report": lambda n: {"day": f"2026-{1 + n % 12:02d}-{1 + n % 28:02d}"},
}
SHARES = {"thumbnail": 2600, "send_receipt": 1500, "import_csv": 800, "nightly_report": 100}


def fill(queue: Queue) -> None:
    """5,000 jobs to begin with, and a month of scheduled ones."""
    for name, share in SHARES.items():
        queue.enqueue_many(getattr(picture_tasks, name), [CALLS[name](n) for n in range(share)])
    queue.enqueue_many(picture_tasks.nightly_report, [CALLS["nightly_report"](n) for n in range(30)], delay=36_000)


def work(queue: Queue) -> None:
    """Let the workers run for a while, with a trickle of new jobs."""
    luck, end, number = picture_tasks.LUCK, time.monotonic() + SECONDS, 6_000
    while time.monotonic() < end:
        time.sleep(1)
        for name in luck.choices(list(SHARES), weights=list(SHARES.values()), k=luck.randrange(20, 70)):
            number += 1
            queue.enqueue(getattr(picture_tasks, name), CALLS[name](number))


@contextmanager
def consoles(url: str) -> Iterator[None]:
    command = [sys.executable, "-m", "pqkit", "dashboards"]
    process = subprocess.Popen(command, env={**os.environ, **PORTS, "PQKIT_URL": url}, cwd=HERE.parent)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def shoot(context: BrowserContext, queue: Queue) -> None:
    (HERE / "pictures").mkdir(exist_ok=True)
    page = context.new_page()
    page.goto("http://127.0.0.1:18502/?theme=dark")
    page.locator("canvas").first.wait_for()
    page.get_by_role("button", name="5 min", exact=True).click()
    page.wait_for_timeout(4_000)
    page.screenshot(path=HERE / "pictures" / "ops.png")
    Users(queue.operator("pictures")).add("ann", PASSWORD, Role.ADMIN)
    page.goto("http://127.0.0.1:18501/")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.locator(".tabulator-row").first.wait_for()
    failed = queries.Filter(states=(JobState.UNPROCESSABLE,), queue="ingest")
    for name, query in {"manager": "", "walk-unprocessable": "&state=unprocessable"}.items():
        page.goto(f"http://127.0.0.1:18501/?job={queries.ids(queue.database, failed, 6)[-1]}{query}")
        page.get_by_text("What happened").wait_for()
        page.mouse.move(640, 30)
        page.wait_for_timeout(3_000)
        page.screenshot(path=HERE / "pictures" / f"{name}.png")


def main() -> None:
    here = lab.scratch()
    queue = get_queue(here.url)
    fill(queue)
    with ExitStack() as stack:
        stack.enter_context(consoles(here.url))
        for number in range(4):
            stack.enter_context(lab.start_worker(here, picture_tasks, slots=8, name=f"worker_{number:02d}"))
        work(queue)
        playwright = stack.enter_context(sync_playwright())
        context = playwright.chromium.launch_persistent_context(
            here.folder / "profile",
            executable_path=find_chromium(),
            viewport={"width": 1280, "height": 860},
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        shoot(context, queue)
        context.close()


if __name__ == "__main__":
    main()
