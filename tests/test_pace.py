from pqkit.worker.prefetch import MOST, Pace


def test_nothing_is_hoarded_before_it_is_known_how_long_jobs_take() -> None:
    assert Pace(4).target() == 4


def test_short_jobs_are_held_in_hundreds() -> None:
    pace = Pace(4)
    for _ in range(40):
        pace.saw([0.00002] * 50)
    assert pace.target() == MOST


def test_one_slow_job_among_short_ones_ends_the_hoarding_at_once() -> None:
    pace = Pace(4)
    for _ in range(40):
        pace.saw([0.00002] * 50)
    pace.saw([0.00002] * 50 + [2.0])
    assert pace.target() == 4


def test_each_slot_holds_about_30_ms_of_work() -> None:
    pace = Pace(2)
    for _ in range(60):
        pace.saw([0.01])
    assert pace.target() == 6


def test_many_slots_are_filled_however_long_jobs_take() -> None:
    assert Pace(1_000).target() == 1_000


def test_without_prefetch_a_worker_holds_no_more_than_it_runs() -> None:
    pace = Pace(4, prefetch=False)
    for _ in range(40):
        pace.saw([0.00002] * 50)
    assert pace.target() == 4
