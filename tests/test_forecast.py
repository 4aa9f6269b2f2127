"""The forecast of when a queue is empty: right about what drains, honest about what does not, and scored."""

import random

import pytest

from pqkit import Queue, queries
from pqkit.domain.forecast_model import Drain, came_so, drain
from pqkit.maintenance import forecaster as foreseeing
from pqkit.maintenance.forecaster import foresee
from pqkit.maintenance.sampler import Sampler
from tests.verbs import SECOND, sql


def falling(pending: int, per_second: float, seconds: int = 120) -> list[tuple[int, int]]:
    return [(n * SECOND, round(pending - n * per_second)) for n in range(seconds + 1)]


def test_a_steady_queue_drains_when_its_rate_says() -> None:
    found = drain(falling(3_000, 10), 120 * SECOND)
    assert found is not None
    assert found.likely == pytest.approx(180, rel=0.02)
    assert found.least is not None
    assert found.most is not None
    assert found.least < 180 < found.most


@pytest.mark.parametrize("per_second", [0, -5])
def test_a_queue_that_does_not_fall_will_not_drain(per_second: float) -> None:
    found = drain(falling(3_000, per_second), 120 * SECOND)
    assert found is not None
    assert (found.likely, found.most) == (None, None)


@pytest.mark.parametrize("points", [[], falling(3_000, 10, 10), falling(5, 0.01)])
def test_too_little_to_go_by_is_no_forecast(points: list[tuple[int, int]]) -> None:
    assert drain(points, 0) is None


def test_a_wild_queue_is_said_to_drain_perhaps() -> None:
    luck = random.Random(3)
    points = [(n * SECOND, 1_000 - n + luck.randrange(-400, 400)) for n in range(120)]
    found = drain(points, 120 * SECOND)
    assert found is not None
    assert found.most is None


def test_the_interval_holds_about_four_times_in_five() -> None:
    """Rates that wander as those of real workers do: an error in one second is still felt in the next ten."""
    luck, hits, made = random.Random(7), 0, 0
    for _ in range(60):
        depth, noise, points, found = luck.choice([2_000.0, 20_000.0]), 0.0, [], None
        rate, came = luck.choice([40, 100]), luck.choice([0.0, 0.3, 0.6])
        while depth > 0:
            points.append((len(points) * SECOND, int(depth)))
            if len(points) == 150:
                found = drain(points, points[-1][0])
            noise = 0.9 * noise + luck.gauss(0, 0.15)
            depth += rate * (came - max(0, 1 + noise)) + luck.gauss(0, rate**0.5)
        if found is not None and found.likely is not None:
            made += 1
            after = len(points) - 150
            hits += (found.least or 0) <= after and (found.most is None or after <= found.most)
    assert made >= 20
    assert 0.65 <= hits / made <= 0.97


@pytest.mark.parametrize(
    ("forecast", "drained_at", "right"),
    [
        ((10, 20, 30), 25, True),
        ((10, 20, 30), 5, False),
        ((10, 20, 30), None, False),
        ((10, 20, None), None, True),
        ((None, None, None), None, True),
        ((None, None, None), 25, False),
    ],
)
def test_a_forecast_is_judged_by_what_came(
    forecast: tuple[int | None, int | None, int | None], drained_at: int | None, right: bool
) -> None:
    assert came_so(*forecast, drained_at) is right


class Time:
    def __init__(self, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = queue.database.now()
        monkeypatch.setattr(queue.database, "now", lambda: self.now)


def test_forecasts_are_kept_and_scored(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    time, sampler = Time(queue, monkeypatch), Sampler(queue.database)
    ids = queue.enqueue_many("add", [{"a": n} for n in range(130)], queue="a")
    for second in range(100):
        time.now += SECOND
        if second % 5 == 0:
            sampler.sample()
        queue.operator("o").cancel([ids[second]])
    foresee(queue.database)
    (found,) = queries.outlook(queue.database).forecasts
    assert found.likely_at is not None
    assert found.likely_at - time.now == pytest.approx(35 * SECOND, rel=0.3)
    foresee(queue.database)
    assert len(queries.outlook(queue.database).forecasts) == 1, "once a minute is enough"
    time.now = found.likely_at
    queue.operator("o").cancel(ids[100:])
    sampler.sample()
    foresee(queue.database)
    outlook = queries.outlook(queue.database)
    assert (outlook.forecasts, outlook.judged, outlook.hit_rate) == ([], 1, 1.0)


def test_a_paused_queue_is_not_forecast_and_its_open_forecasts_are_void(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, sampler = Time(queue, monkeypatch), Sampler(queue.database)
    monkeypatch.setattr(foreseeing, "drain", lambda _points, _now: Drain(1, 2, 3))
    queue.enqueue("add", {"a": 1}, queue="a")
    sampler.sample()
    foresee(queue.database)
    queue.operator("o").pause("a")
    time.now += 100 * SECOND
    foresee(queue.database)
    assert sql(queue, "SELECT decided_at IS NOT NULL, hit FROM forecast") in ([(1, None)], [(True, None)])
    assert queries.outlook(queue.database).judged == 0
