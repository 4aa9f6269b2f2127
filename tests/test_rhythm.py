"""The threads of an idle worker wake together, and no later than each by itself would."""

import pytest

from pqkit.process import wakeup_alignment
from pqkit.process.wakeup_alignment import until_next


@pytest.mark.parametrize(("now", "every", "left"), [(0, 1, 1), (0.3, 1, 0.7), (0.3, 0.5, 0.2), (7.75, 0.5, 0.25)])
def test_who_waits_wakes_with_the_others(
    monkeypatch: pytest.MonkeyPatch, now: float, every: float, left: float
) -> None:
    monkeypatch.setattr(wakeup_alignment, "_BEGAN", 100.0)
    monkeypatch.setattr("pqkit.process.wakeup_alignment.time.monotonic", lambda: 100.0 + now)
    assert until_next(every) == pytest.approx(left)


def test_a_wait_that_ended_a_little_early_is_not_followed_by_a_second_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeup_alignment, "_BEGAN", 100.0)
    monkeypatch.setattr("pqkit.process.wakeup_alignment.time.monotonic", lambda: 100.9999)
    assert until_next(1.0) == pytest.approx(1.0001)
