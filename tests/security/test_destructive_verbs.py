"""A session alone destroys nothing: its person gives the password again. The service layer asks, whatever the page."""

import sys
from collections.abc import Callable
from subprocess import run

import pytest

from pqkit import Queue, queries
from pqkit.auth import CONFIRMED, Sessions, Tokens, Users
from pqkit.domain.queue_limits import QueueOptions, QueueSettings
from pqkit.domain.states import JobState
from pqkit.errors import Forbidden, LoginRefused, NotConfirmed, NotLoggedIn, Refused
from pqkit.operations.operator import MOST_WITH_QUEUE
from pqkit.operations.schedules import Schedules
from pqkit.queries import Trace
from pqkit.queue import Operator
from pqkit.security.permissions import DESTROYS, NEEDS, Role, Scope
from tests.verbs import claim_one, sql

PASSWORD = "correct horse battery"
HERE = "10.0.0.1"
pytestmark = pytest.mark.usefixtures("quick_hashes")

DEEDS: dict[str, Callable[[Operator, int], object]] = {
    "delete": lambda operator, job: operator.delete([job]),
    "delete_queue": lambda operator, _: operator.delete_queue("idle"),
    "shorten_retention": lambda operator, _: operator.set_queue("idle", keep_completed=0.001),
    "prune": lambda operator, _: operator.note("prune"),
    "prune_runs": lambda operator, _: operator.note("prune_runs"),
    "clean_files": lambda operator, _: operator.note("clean_files"),
    "delete_schedule": lambda operator, _: Schedules(operator).delete("nightly"),
    "add_user": lambda operator, _: Users(operator).add("eve", PASSWORD, Role.ADMIN),
    "remove_user": lambda operator, _: Users(operator).remove("vera"),
    "set_role": lambda operator, _: Users(operator).set_role("vera", Role.ADMIN),
    "set_password": lambda operator, _: Users(operator).set_password("vera", PASSWORD),
    "add_token": lambda operator, _: Tokens(operator.database).add(operator, "t", [Scope.ADMIN]),
    "revoke_token": lambda operator, _: Tokens(operator.database).revoke(operator, token_of(operator)),
}


def token_of(operator: Operator) -> str:
    return queries.tokens(operator.database)[0].id


@pytest.fixture
def job(queue: Queue) -> int:
    """A canceled job; and what else there is to be destroyed."""
    users = Users(queue.operator("root"))
    for name, role in {"ada": Role.ADMIN, "olga": Role.OPERATOR, "vera": Role.VIEWER}.items():
        users.add(name, PASSWORD, role)
    queue.operator().create_queue("idle")
    Schedules(queue.operator()).add("nightly", task="add", every=60.0)
    Tokens(queue.database).add(queue.operator(), "old", [Scope.READ])
    job = queue.enqueue("add").id
    queue.operator().cancel([job])
    return job


def test_each_verb_that_destroys_is_tried_here() -> None:
    assert DEEDS.keys() == DESTROYS
    assert NEEDS.keys() >= DESTROYS


@pytest.mark.parametrize("verb", sorted(DEEDS))
def test_a_stolen_session_destroys_nothing_and_its_person_does(queue: Queue, job: int, verb: str) -> None:
    sessions = Sessions(queue.database)
    session = sessions.login("ada", PASSWORD, HERE)
    before, kept = sql(queue, "SELECT count(*) FROM action"), stood(queue)
    with pytest.raises(NotConfirmed, match="password"):
        DEEDS[verb](session.principal.operator(), job)
    assert (sql(queue, "SELECT count(*) FROM action"), stood(queue)) == (before, kept)
    assert session.principal.must_confirm(verb)
    sessions.confirm(session.secret, PASSWORD)
    DEEDS[verb](session.principal.operator(), job)
    assert not sessions.check(session.secret).must_confirm(verb)
    assert sql(queue, "SELECT who FROM action ORDER BY id DESC LIMIT 1") == [("ada",)]


def stood(queue: Queue) -> list[list[object]]:
    tables = ("job", "queue", "schedule", "account", "token")
    return [sorted(sql(queue, f"SELECT * FROM {table}"), key=str) for table in tables]


def test_what_can_be_undone_needs_no_password(queue: Queue, job: int) -> None:
    operator = Sessions(queue.database).login("ada", PASSWORD, HERE).principal.operator()
    assert operator.resubmit([job]).changed == [job]
    operator.pause("idle")


def test_a_confirmation_ends_by_itself_and_is_for_one_session(
    queue: Queue, job: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [queue.database.now()]
    monkeypatch.setattr(queue.database, "now", lambda: at[0])
    sessions = Sessions(queue.database)
    session, other = (sessions.login("ada", PASSWORD, HERE) for _ in range(2))
    sessions.confirm(session.secret, PASSWORD)
    with pytest.raises(NotConfirmed):
        other.principal.operator().delete([job])
    at[0] += CONFIRMED
    with pytest.raises(NotConfirmed):
        session.principal.operator().delete([job])
    at[0] -= 1
    assert session.principal.operator().delete([job]).changed == [job]


def test_a_confirmation_gives_nobody_more_than_the_role(queue: Queue, job: int) -> None:
    sessions = Sessions(queue.database)
    session = sessions.login("olga", PASSWORD, HERE)
    sessions.confirm(session.secret, PASSWORD)
    with pytest.raises(Forbidden):
        session.principal.operator().delete([job])


def test_who_holds_a_stolen_session_guesses_as_slowly_as_anybody(queue: Queue, job: int) -> None:
    sessions = Sessions(queue.database)
    session = sessions.login("ada", PASSWORD, HERE)
    for _ in range(5):
        with pytest.raises(LoginRefused, match="not your password"):
            sessions.confirm(session.secret, "wrong")
    with pytest.raises(LoginRefused, match="try again in") as refused:
        sessions.confirm(session.secret, PASSWORD)
    assert refused.value.retry_after > 0
    again = sessions.login("ada", PASSWORD, HERE)  # nobody else is kept out by that
    sessions.confirm(again.secret, PASSWORD)


def test_a_session_that_is_over_confirms_nothing(queue: Queue, job: int) -> None:
    sessions = Sessions(queue.database)
    session = sessions.login("ada", PASSWORD, HERE)
    sessions.logout(session.secret)
    with pytest.raises(NotLoggedIn):
        sessions.confirm(session.secret, PASSWORD)


def test_programs_and_the_command_line_of_the_host_are_asked_for_no_password(
    queue: Queue, url: str, job: int, tmp_path: object
) -> None:
    tokens = Tokens(queue.database)
    program = tokens.check(tokens.add(queue.operator(), "ci", [Scope.ADMIN]))
    assert program.operator().delete([job]).changed == [job]
    command = [sys.executable, "-m", "pqkit", "--url", url, "queues", "delete", "idle", "--yes"]
    assert run(command, cwd=str(tmp_path), check=False, capture_output=True).returncode == 0


def test_a_stolen_session_cancels_no_job_of_a_queue_that_it_may_not_delete(queue: Queue, job: int) -> None:
    ids = queue.enqueue_many("add", [{}] * 3, queue="full")
    session = Sessions(queue.database).login("ada", PASSWORD, HERE)
    before = stood(queue), sql(queue, "SELECT count(*) FROM action")
    with pytest.raises(NotConfirmed):
        session.principal.operator().delete_queue("full", cancel=ids)
    assert (stood(queue), sql(queue, "SELECT count(*) FROM action")) == before
    Sessions(queue.database).confirm(session.secret, PASSWORD)
    session.principal.operator().delete_queue("full", cancel=ids)
    assert {queue.state(each) for each in ids} == {JobState.CANCELED}
    assert [entry.job_id for entry in queries.trail(queue.database, Trace(verb="cancel"), limit=3)] == ids[::-1]


@pytest.mark.parametrize("left", ["a new job", "one that runs"])
def test_a_queue_that_cannot_be_deleted_keeps_all_its_jobs(queue: Queue, left: str) -> None:
    ids = queue.enqueue_many("add", [{}] * 3, queue="full")
    elsewhere = queue.enqueue("add", queue="other").id
    if left == "a new job":
        queue.enqueue("add", queue="full")
    else:
        worker = queue.leases("w", 1, ["add"], ["full"])
        worker.register()
        claim_one(worker)
    before = stood(queue)
    with pytest.raises(Refused, match="unfinished jobs"):
        queue.operator().delete_queue("full", cancel=[*ids, elsewhere])
    assert stood(queue) == before
    assert queue.state(elsewhere) is JobState.PENDING
    assert sql(queue, "SELECT count(*) FROM action WHERE verb = 'cancel'") == [(0,)]


def test_a_job_of_another_queue_is_not_canceled_with_it(queue: Queue) -> None:
    ids = queue.enqueue_many("add", [{}] * 2, queue="full")
    elsewhere = queue.enqueue("add", queue="other").id
    queue.operator().delete_queue("full", cancel=[*ids, elsewhere])
    assert queue.state(elsewhere) is JobState.PENDING


def test_a_queue_with_too_many_jobs_is_refused_before_anything_is_done(queue: Queue) -> None:
    queue.operator().create_queue("full")
    with pytest.raises(Refused, match="cancel them first"):
        queue.operator().delete_queue("full", cancel=range(MOST_WITH_QUEUE + 1))


@pytest.mark.parametrize(
    ("before", "after", "less"),
    [
        ({}, {"concurrency": 1}, False),
        ({}, {"keep_dead": 30.0}, True),
        ({"keep_completed": 7.0}, {"keep_completed": 8.0}, False),
        ({"keep_completed": 7.0}, {"keep_completed": 6.0}, True),
        ({"keep_dead": 7.0}, {"keep_dead": None}, True),
    ],
)
def test_settings_by_which_ended_jobs_go_earlier_need_the_password(
    before: QueueOptions, after: QueueOptions, less: bool
) -> None:
    standing = QueueSettings().changed(before)
    assert standing.changed(after).keeps_less_than(standing) is less
