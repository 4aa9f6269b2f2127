"""What the tests of this folder share: both consoles as they are served, a browser, and quick hashes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from pqkit.auth import passwords
from tests.browser import find_chromium
from tests.consoles import FLAGS, MILLISECONDS, Consoles, fill


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash takes its time on purpose, and a day of guesses would take a minute."""
    monkeypatch.setattr(passwords, "hashed", lambda password: f"hash of {password}")
    monkeypatch.setattr(passwords, "fits", lambda password, kept: kept == f"hash of {password}")
    monkeypatch.setattr(passwords, "is_outdated", lambda kept: False)


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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Ended with each file: the library runs an event loop in this thread as long as it is there."""
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS, timeout=MILLISECONDS)
        yield browser
        browser.close()
