"""Both consoles as they are served, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser import find_chromium
from tests.consoles import FLAGS, MILLISECONDS, Consoles, fill


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the consoles are started."""
    return tmp_path_factory.mktemp("consoles")


@pytest.fixture(scope="session")
def consoles(folder: Path) -> Iterator[Consoles]:
    consoles = Consoles(folder)
    fill(consoles.queue)
    yield consoles
    consoles.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS, timeout=MILLISECONDS)
        yield browser
        browser.close()
