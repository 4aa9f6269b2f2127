import pytest

from pqkit.domain.outcomes import (
    MAX_CRASHES,
    Cancel,
    ChildDied,
    Claim,
    Fail,
    Outcome,
    Retry,
    Snooze,
    Stopped,
    TimedOut,
    completed,
    crashed,
    ended_by,
)
from pqkit.domain.states import JobState as S


def claim(retries: int = 0, crashes: int = 0, max_retries: int = 3, backoff: str | None = None) -> Claim:
    return Claim("default", 0, 1, 1, retries, crashes, 0, 7, 0, 0, "add", "{}", max_retries, backoff, None, None)


@pytest.mark.parametrize(
    ("retries", "error", "state", "delay", "charge"),
    [
        (0, ValueError("x"), S.RETRYING, 1, "retries"),
        (1, ValueError("x"), S.RETRYING, 2, "retries"),
        (2, ValueError("x"), S.RETRYING, 4, "retries"),
        (3, ValueError("x"), S.UNPROCESSABLE, 0, "retries"),
        (0, Retry(after=9), S.RETRYING, 9, "retries"),
        (0, Retry(after=0), S.RETRYING, 0, "retries"),
        (3, Retry(after=9), S.UNPROCESSABLE, 0, "retries"),
        (3, Snooze(60), S.SCHEDULED, 60, None),
        (0, Fail("no use"), S.FAILED, 0, None),
        (0, Cancel(), S.CANCELED, 0, None),
        (0, Stopped(), S.PENDING, 0, None),
        (0, TimedOut("late"), S.RETRYING, 1, "retries"),
        (0, ChildDied("signal 11"), S.PENDING, 0, "crashes"),
        (0, SystemExit(3), S.RETRYING, 1, "retries"),
    ],
)
def test_what_an_error_means(retries: int, error: BaseException, state: S, delay: float, charge: str | None) -> None:
    outcome = ended_by(claim(retries), error)
    assert (outcome.state, outcome.delay, outcome.charge) == (state, delay, charge)


def test_a_cancel_that_was_asked_for_wins_over_a_retry() -> None:
    assert ended_by(claim(), ValueError("x"), cancel_asked=True).state is S.CANCELED


def test_a_success_is_completed_whatever_was_asked() -> None:
    assert completed({"a": 1}) == Outcome("completed", S.COMPLETED, result='{"a":1}')


def test_the_last_crash_quarantines() -> None:
    states = [crashed(claim(crashes=n), "signal 9").state for n in range(MAX_CRASHES)]
    assert states == [S.PENDING] * (MAX_CRASHES - 1) + [S.UNPROCESSABLE]
    assert "crashed" in str(crashed(claim(crashes=MAX_CRASHES - 1), "signal 9").summary)


def test_an_own_backoff_is_followed() -> None:
    assert ended_by(claim(retries=1, backoff="[0.5, 7]"), ValueError()).delay == 7


def test_errors_are_kept_as_text_that_any_database_takes() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "\x00" not in str(ended_by(claim(), ValueError("a\x00b")).error)
    assert ended_by(claim(), Broken()).summary == "Broken: (no message)"
    assert len(str(ended_by(claim(), ValueError("x" * 5_000)).summary)) <= 200
