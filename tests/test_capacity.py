"""The planner: its replay keeps the queue's order, its back-test tells a record that it can tell from one it cannot."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pqkit.domain.durations import SECOND
from pqkit.lab.simulation.databases import simulated
from pqkit.planning.capacity import LEAST, NotToBeTrusted, Record, TooLittle, back_test, plan, record_of
from pqkit.planning.replay import Arrival, Replay, Shift, Started
from pqkit.queue import Queue

ONE_SLOT = [Shift(1, 0, None)]


def played(load: list[Arrival], shifts: list[Shift], seed: int = 0) -> list[Started]:
    with simulated() as database:
        return sorted(Replay(database, shifts, [0.0], {}, seed).play(load))


def test_one_slot_serves_one_after_the_other() -> None:
    load = [Arrival(n * SECOND, "q", "t", 0, 1.5) for n in range(4)]
    assert [started.waited for started in played(load, ONE_SLOT)] == [0, 0.5, 1.0, 1.5]
    assert [started.waited for started in played(load, [Shift(2, 0, None)])] == [0, 0, 0, 0]
    assert [started.waited for started in played(load, ONE_SLOT * 2)] == [0, 0, 0, 0]


def test_the_urgent_go_first_and_queues_take_turns() -> None:
    load = [
        Arrival(0, "a", "t", 0, 1.0),
        Arrival(1, "a", "t", 5, 1.0),
        Arrival(2, "a", "t", -1, 1.0),
        Arrival(3, "b", "t", 9, 1.0),
    ]
    order = sorted(played(load, ONE_SLOT), key=lambda started: started.at + started.waited * SECOND)
    assert [started.order for started in order] == [0, 3, 2, 1]


def test_a_worker_that_comes_late_or_leaves_takes_nothing_outside_of_its_time() -> None:
    load = [Arrival(0, "q", "t", 0, 1.0), Arrival(4 * SECOND, "q", "t", 0, 1.0)]
    first, second = played(load, [Shift(1, 2 * SECOND, 3 * SECOND), Shift(1, 6 * SECOND, None)])
    assert (first.waited, second.waited) == (2.0, 2.0)


def poisson(rate: float, seconds: float, dice: random.Random, length: float = 0.5) -> Iterator[Arrival]:
    at = 0.0
    while (at := at + dice.expovariate(rate)) < seconds:
        yield Arrival(round(at * SECOND), "q", "t", 0, dice.uniform(0.8, 1.2) * length)


def record_by(load: list[Arrival], shifts: list[Shift], slower: float = 1.0) -> Record:
    """A record that the replay itself has made; ``slower`` are the runs of its second half."""
    half = load[-1].at // 2
    real = [a._replace(seconds=a.seconds * (slower if a.at >= half else 1)) for a in load]
    waits = [started.waited for started in sorted(played(real, shifts, seed=99))]
    return Record(load, waits, [False] * len(load), [0.0] * len(load), shifts)


@pytest.fixture(scope="module")
def steady() -> Record:
    return record_by(list(poisson(1.8, 100, random.Random(7))), ONE_SLOT)


def test_a_record_that_goes_on_as_it_began_is_told_well(steady: Record) -> None:
    test = back_test(steady)
    assert test.trusted, test.words
    assert test.bins


def test_a_record_that_goes_on_otherwise_is_not_to_be_trusted(steady: Record) -> None:
    test = back_test(record_by(steady.load, ONE_SLOT, slower=1.5))
    assert not test.trusted
    assert test.words.startswith("not to be trusted here: mean wait off by")
    with pytest.raises(NotToBeTrusted, match="20% is the limit"):
        plan(steady, test)


def test_more_workers_and_fewer_jobs_wait_less_and_more_jobs_longer(steady: Record) -> None:
    test = back_test(steady)
    as_is = plan(steady, test, seeds=2)
    two, half = plan(steady, test, workers=2, seeds=1), plan(steady, test, arrivals=0.5, seeds=1)
    assert two.mean < half.mean < as_is.mean < plan(steady, test, arrivals=1.5, seeds=1).mean
    assert as_is.mean_low <= as_is.mean <= as_is.mean_high
    assert two.busy == pytest.approx(as_is.busy / 2, rel=0.1)


def test_workers_that_were_stopped_after_the_last_job_do_not_leave_the_jobs_that_wait_longest(steady: Record) -> None:
    stopped = replace(steady, shifts=[Shift(1, 0, steady.load[-1].at + SECOND)])
    test = back_test(steady)
    twice = [plan(record, test, arrivals=2, seeds=1).mean for record in (steady, stopped)]
    assert twice[0] == twice[1]


def test_a_record_that_is_too_short_is_refused(queue: Queue) -> None:
    with pytest.raises(TooLittle, match=f"{LEAST} are the least"):
        record_of(queue.database)
