import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqkit.domain.retry_policy import MAX_DELAY, check_delay, check_policy, delay_before


def test_the_default_waits_1_2_and_4_seconds() -> None:
    assert [delay_before(retry) for retry in (1, 2, 3)] == [1, 2, 4]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8), st.integers(1, 50))
def test_the_last_delay_repeats(backoff: list[float], retry: int) -> None:
    assert delay_before(retry, backoff) == backoff[min(retry, len(backoff)) - 1]


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), MAX_DELAY + 1])
def test_a_delay_outside_a_year_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="delay"):
        check_delay(bad)


@pytest.mark.parametrize(("max_retries", "backoff"), [(-1, [1]), (3, []), (3, [1, -2])])
def test_a_policy_that_makes_no_sense_is_refused(max_retries: int, backoff: list[float]) -> None:
    with pytest.raises(ValueError, match=r"max_retries|backoff|delay"):
        check_policy(max_retries, backoff)
