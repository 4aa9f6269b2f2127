"""Bulk resubmits that begin small, grow, stop by themselves, and can be undone."""

from functools import partial
from typing import Any

import pytest

from pqkit import NotFound, Queue, queries
from pqkit.db import Transaction
from pqkit.domain.outcomes import Fail, ended_by
from pqkit.domain.redrive_plan import Fate, Plan, RedriveState, Tally, decide
from pqkit.domain.states import JobState
from pqkit.errors import Forbidden, Refused
from pqkit.operations.redrives import advance
from pqkit.queries.audit_history import audit
from pqkit.queue import Leases, Operator, Redrives
from pqkit.security import permissions
from pqkit.security.permissions import Role
from tests.verbs import claim, claim_one, complete, end, fail

S = JobState
PLAN = Plan(canary=5, most=40, tolerance=0.2)


@pytest.mark.parametrize(
    ("step", "seen", "send", "state"),
    [
        (0, Tally(waiting=100), 5, None),
        (5, Tally(waiting=95, sent=5), 0, None),
        (5, Tally(waiting=95, sent=1, well=4), 0, None),
        (5, Tally(waiting=95, well=4, again=1), 10, None),
        (5, Tally(waiting=95, sent=3, again=2), 0, RedriveState.STOPPED),
        (10, Tally(waiting=85, sent=6, well=9), 0, None),
        (10, Tally(waiting=85, sent=5, well=10), 20, None),
        (40, Tally(waiting=10, well=100), 40, None),
        (40, Tally(waiting=10, sent=40, well=40, again=11), 0, RedriveState.STOPPED),
        (40, Tally(sent=3, well=100), 0, None),
        (40, Tally(well=100, again=2), 0, RedriveState.DONE),
        (5, Tally(refused=5), 0, RedriveState.DONE),
        (5, Tally(waiting=3, refused=5), 10, None),
    ],
)
def test_a_redrive_begins_small_doubles_and_stops_when_too_many_fail_again(step, seen, send, state):
    then = decide(PLAN._replace(step=step), seen)
    assert (then.send, then.state) == (send, state)


@pytest.fixture
def redrives(queue: Queue) -> Redrives:
    return queue.redrives("ada")


def failed(queue: Queue, worker: Leases, count: int, **options: Any) -> dict[int, JobState]:
    """So many jobs that failed for good."""
    ids = queue.enqueue_many("add", [{"a": 1}] * count, **options)
    while claims := claim(worker, 50):
        for each in claims:
            end(worker, queue, each, ended_by(each, Fail("broken")))
    return dict.fromkeys(ids, S.FAILED)


def tally(queue: Queue, redrive: int) -> Tally:
    return queries.redrive(queue.database, redrive).tally


def test_jobs_go_in_growing_steps_and_each_is_on_record(queue, worker, redrives):
    redrive = redrives.start(failed(queue, worker, 12), reason="mended", wanted="failed jobs")
    sizes = []
    while queries.redrive(queue.database, redrive).state is RedriveState.RUNNING:
        sizes += [step.sent for step in advance(queue.database) if step.sent]
        for each in claim(worker, 50):
            complete(worker, queue, each)
    assert sizes == [5, 7]
    assert tally(queue, redrive) == Tally(well=12)
    assert queries.counts(queue.database)[S.COMPLETED] == 12
    newest = queries.trail(queue.database, limit=100)
    assert {(entry.who, entry.reason) for entry in newest} == {("ada", "mended")}
    assert [entry.verb for entry in newest] == ["resubmit"] * 12 + ["redrive"]


def test_a_redrive_whose_first_jobs_fail_again_stops_by_itself(queue, worker, redrives):
    redrive = redrives.start(failed(queue, worker, 30))
    list(advance(queue.database))
    for each in claim(worker, 2):
        fail(worker, queue, each)
    (step,) = advance(queue.database)
    seen = queries.redrive(queue.database, redrive)
    assert (step.state, seen.state, seen.note) == ("stopped", "stopped", "2 of 2 failed again")
    assert seen.tally == Tally(waiting=25, sent=3, again=2)
    assert list(advance(queue.database)) == []
    assert queries.counts(queue.database)[S.FAILED] == 25


def test_an_undo_puts_back_what_nobody_has_claimed_exactly_as_it_was(queue, worker, redrives):
    chosen = failed(queue, worker, 6)
    before = [queries.job(queue.database, job)[:5] for job in chosen]
    redrive = redrives.start(chosen)
    list(advance(queue.database))
    (taken,) = claim(worker)
    undone = redrives.undo(redrive, reason="wrong ones")
    assert undone == (4, 1)
    after = [queries.job(queue.database, job)[:5] for job in chosen]
    assert [one for one, other in zip(after, before, strict=True) if one != other] == [
        queries.job(queue.database, taken.job_id)[:5]
    ]
    assert queries.misplaced(queue.database) == []
    assert list(advance(queue.database)) == []
    assert tally(queue, redrive) == Tally(waiting=1, sent=1, undone=4)
    with pytest.raises(Refused, match="undone already"):
        redrives.undo(redrive)
    complete(worker, queue, taken)
    assert audit(queue.database).clean


def test_a_job_that_has_changed_since_it_was_chosen_is_left_alone(queue, worker, redrives):
    chosen = failed(queue, worker, 3)
    first, second, third = chosen
    queue.operator().cancel([first])
    queue.operator().delete([second])
    redrive = redrives.start(chosen)
    list(advance(queue.database))
    notes = {job.job_id: job.note for job in queries.redriven(queue.database, redrive, Fate.REFUSED)}
    assert notes == {
        first: "it was failed when it was chosen and is canceled now",
        second: "there is no such job any more",
    }
    assert queue.state(third) is S.PENDING


def test_a_unique_key_comes_and_goes_with_a_redriven_job(queue, worker, redrives):
    job = queue.enqueue("add", {"a": 1}, unique_key="k").id
    claimed = claim_one(worker)
    end(worker, queue, claimed, ended_by(claimed, Fail("no")))
    redrive = redrives.start({job: S.FAILED})
    list(advance(queue.database))
    assert queue.enqueue("add", {"a": 2}, unique_key="k").existing
    redrives.undo(redrive)
    assert not queue.enqueue("add", {"a": 2}, unique_key="k").existing


def test_a_person_may_stop_a_redrive_and_only_one_that_runs(queue, worker, redrives):
    redrive = redrives.start(failed(queue, worker, 9))
    list(advance(queue.database))
    redrives.stop(redrive, reason="lunch")
    assert queries.redrive(queue.database, redrive).note == "stopped by ada: lunch"
    assert list(advance(queue.database)) == []
    with pytest.raises(Refused, match="is stopped"):
        redrives.stop(redrive)


def test_a_redrive_takes_ended_jobs_only_and_at_least_one(queue, redrives):
    for frozen, words in (({}, "takes 1 to"), ({1: S.PENDING}, "only jobs that have ended")):
        with pytest.raises(Refused, match=words):
            redrives.start(frozen)
    for verb in (redrives.stop, redrives.undo):
        with pytest.raises(NotFound):
            verb(77)
    with pytest.raises(NotFound):
        queries.redrive(queue.database, 77)


def test_the_latest_redrives_are_listed_those_that_run_first(queue, worker, redrives) -> None:
    one, other = (redrives.start(failed(queue, worker, 1)) for _ in range(2))
    redrives.stop(other)
    assert [each.id for each in queries.redrives(queue.database)] == [one, other]


def test_whoever_may_not_operate_may_not_redrive(queue, worker):
    chosen = failed(queue, worker, 1)

    def no(_: Transaction, verb: str) -> None:
        permissions.check(Role.VIEWER.scopes, verb, "vera")

    mine = queue.redrives().start(chosen)
    hers = Redrives(Operator(queue.database, "vera", no))
    for verb in (partial(hers.start, chosen), partial(hers.stop, mine), partial(hers.undo, mine)):
        with pytest.raises(Forbidden):
            verb()
    assert queries.redrive(queue.database, mine).state is RedriveState.RUNNING
