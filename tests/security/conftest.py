"""What the tests of this folder share."""

import pytest

from pqkit.access import passwords


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash takes its time on purpose, and a day of guesses would take a minute."""
    monkeypatch.setattr(passwords, "hashed", lambda password: f"hash of {password}")
    monkeypatch.setattr(passwords, "fits", lambda password, kept: kept == f"hash of {password}")
    monkeypatch.setattr(passwords, "is_outdated", lambda kept: False)
