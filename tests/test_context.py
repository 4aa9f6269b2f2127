import math

import pytest

from pqkit.domain.context import Context
from pqkit.domain.outcomes import Stopped


def test_progress_is_kept_between_0_and_1_and_is_always_a_number() -> None:
    said: list[float] = []
    ctx = Context(1, 1, "t", report_progress=lambda fraction, _note: said.append(fraction))
    for fraction in (-1, 0.5, 1.0000001):
        ctx.progress(fraction)
    for nothing in (math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError, match=f"from 0 to 1, not {nothing}"):
            ctx.progress(nothing)
    assert said == [0, 0.5, 1]


def test_outside_a_worker_a_handler_may_report_and_stage_but_has_no_session() -> None:
    ctx = Context(7, 2, "t")
    ctx.log("a line")
    ctx.give_way()
    assert ctx.token == (7, 2)
    assert ctx.stage("a/b.txt").name == ".b.txt.7-2.staged"
    with pytest.raises(RuntimeError, match="only while a worker"):
        assert ctx.session


def test_a_handler_gives_way_when_it_is_asked_to() -> None:
    with pytest.raises(Stopped):
        Context(1, 1, "t", stop_asked=lambda: True).give_way()
