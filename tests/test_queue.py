import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlmodel import Field, Session, SQLModel

from pqkit import JobFailed, JobState, NotFound, Queue, get_queue, models, queries, task
from pqkit.domain.names import BadOrder
from pqkit.domain.outcomes import Fail, Snooze, released
from pqkit.domain.states import JobState as S
from pqkit.domain.tasks import ArgumentError
from pqkit.errors import Refused, SchemaError, UnsupportedUrl
from pqkit.queries import misplaced
from pqkit.queue import Leases
from pqkit.settings import settings
from tests.conftest import a_worker
from tests.verbs import SECOND, claim, claim_one, complete, end, fail, sql, wait_out

pytestmark = pytest.mark.usefixtures("add")


def test_ids_are_integers_and_jobs_begin_pending(queue: Queue, add: Any) -> None:
    job = queue.enqueue(add, {"a": 1})
    assert isinstance(job.id, int)
    assert job.state is JobState.PENDING


def test_a_task_is_enqueued_by_name_too_and_checked_the_same(queue: Queue) -> None:
    assert queue.enqueue("add", {"a": 1}).state is JobState.PENDING
    with pytest.raises(ValueError, match="'a'"):
        queue.enqueue("add", {"a": "x"})


def test_a_task_that_this_process_does_not_know_is_taken_as_it_is(queue: Queue) -> None:
    assert queue.enqueue("elsewhere", {"x": [1]}).state is JobState.PENDING


def test_jobs_leave_by_priority_then_by_id(queue: Queue, add: Any, worker: Leases) -> None:
    late = [queue.enqueue(add, {"a": 1}, priority=5).id, queue.enqueue(add, {"a": 1}, priority=5).id]
    first = queue.enqueue(add, {"a": 1}, priority=-1).id
    middle = queue.enqueue(add, {"a": 1}).id
    assert [c.job_id for c in claim(worker, 10)] == [first, middle, *late]


def test_enqueue_many_keeps_order_and_is_all_or_none(queue: Queue, add: Any, worker: Leases) -> None:
    ids = queue.enqueue_many(add, [{"a": n} for n in range(1_000)])
    assert ids == sorted(ids)
    with pytest.raises(ValueError, match="'a'"):
        queue.enqueue_many(add, [{"a": 1}, {"b": 1}])
    assert [c.job_id for c in claim(worker, 2_000)] == ids
    assert queue.enqueue_many(add, []) == []


ALONE_OR_MANY: list[dict[str, Any]] = [
    {},
    {"queue": "50%s\\N", "priority": -3, "max_retries": 0, "backoff": (1.5, 2), "timeout": 0.5},
    {"limit_key": "a\\b"},
    {"delay": 60},
]


@pytest.mark.parametrize("options", ALONE_OR_MANY)
@pytest.mark.usefixtures("stopped_clocks")
def test_many_jobs_are_as_one_is(queue: Queue, options: dict[str, Any]) -> None:
    args = {"text": "é\\\t'%s"}
    alone = queue.enqueue("elsewhere", args, **options).id
    ids = queue.enqueue_many("elsewhere", [args] * 3, **options)
    for table, key in (("job", "id"), ("ready", "job_id"), ("delayed", "job_id")):
        columns = ", ".join(column.name for column in models.table(table).c if column.name != key)
        rows = [sql(queue, f"SELECT {columns} FROM {table} WHERE {key} = {job_id}") for job_id in (alone, *ids)]
        assert rows == [rows[0]] * 4


def test_many_jobs_keep_their_arguments_whatever_stands_in_them(queue: Queue, worker: Leases) -> None:
    """They go through a format of lines and tabs, and more of them than one message holds."""
    awkward = ["tab\t, line\r\n", "\\N", "\\", "100 % %s", "é\u2028", '"{,}"', ""]
    calls: list[dict[str, Any]] = [{"text": awkward[n % len(awkward)], "n": n} for n in range(4_100)]
    ids = queue.enqueue_many("elsewhere", calls, queue="50%s\\N", backoff=(1, 2))
    assert ids == sorted(set(ids))
    with queue.database.read() as tx:
        tx.cursor.execute("SELECT id, CAST(args AS TEXT), queue, backoff FROM job ORDER BY id")
        rows = tx.cursor.fetchall()
    assert [(row[0], json.loads(row[1])) for row in rows] == list(zip(ids, calls, strict=True))
    assert {row[2:] for row in rows} == {("50%s\\N", "[1, 2]")}


def test_ids_are_never_used_again(queue: Queue, add: Any) -> None:
    last = queue.enqueue(add, {"a": 1})
    last.cancel()
    queue.operator().delete([last.id])
    assert queue.enqueue(add, {"a": 1}).id > last.id
    assert queue.enqueue_many(add, [{"a": 1}])[0] > last.id + 1


def test_a_delayed_job_is_scheduled_until_it_is_due(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1}, delay=3_000)
    at = queue.enqueue(add, {"a": 1}, run_at=datetime.now(UTC) + timedelta(seconds=2_000))
    past = queue.enqueue(add, {"a": 1}, run_at=datetime.now(UTC) - timedelta(days=1))
    assert (job.state, at.state, past.state) == (JobState.SCHEDULED, JobState.SCHEDULED, JobState.PENDING)
    wait_out(queue, 2_500)
    assert {c.job_id for c in claim(worker, 9)} == {at.id, past.id}
    wait_out(queue, 3_001)
    assert claim_one(worker).job_id == job.id


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 40_000},
        {"delay": -1},
        {"delay": 1, "run_at": datetime.now(UTC)},
        {"run_at": datetime(2030, 1, 1)},  # noqa: DTZ001 - the point of the test
        {"queue": ""},
        {"queue": "a\nb"},
        {"max_retries": -1},
        {"backoff": []},
        {"timeout": 0},
        {"timeout": "x"},
        {"delay": "x"},
        {"run_at": "2030"},
        {"max_retries": 1.5},
        {"priority": "high"},
        {"unique_key": " x"},
    ],
)
def test_options_that_make_no_sense_are_refused(queue: Queue, add: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+") as refused:
        queue.enqueue(add, {"a": 1}, **options)
    assert "\n" not in str(refused.value)
    assert sql(queue, "SELECT count(*) FROM job") == [(0,)]


def test_the_tasks_policy_holds_unless_the_call_says_otherwise(queue: Queue) -> None:
    @task(queue="images", max_retries=5, backoff=[9], timeout=60)
    def shrink() -> None: ...

    queue.enqueue(shrink)
    queue.enqueue(shrink, {}, queue="fast", max_retries=0, backoff=[1], timeout=1)
    rows = sql(queue, "SELECT queue, max_retries, backoff, timeout FROM job ORDER BY id")
    assert rows == [("images", 5, "[9]", 60.0), ("fast", 0, "[1]", 1.0)]


def test_a_unique_key_is_held_until_its_job_has_ended(queue: Queue, add: Any, worker: Leases) -> None:
    first = queue.enqueue(add, {"a": 1}, unique_key="k")
    again = queue.enqueue(add, {"a": 2}, unique_key="k")
    elsewhere = queue.enqueue(add, {"a": 2}, unique_key="k", queue="other")
    assert (again.id, again.existing, elsewhere.existing) == (first.id, True, False)
    claimed = next(c for c in claim(worker, 2) if c.job_id == first.id)
    assert queue.enqueue(add, {"a": 1}, unique_key="k").existing
    complete(worker, queue, claimed)
    newer = queue.enqueue(add, {"a": 1}, unique_key="k")
    assert not newer.existing
    refused = queue.operator().resubmit([first.id]).refused
    assert str(newer.id) in refused[first.id]
    newer.cancel()
    assert first.resubmit()
    assert queue.enqueue(add, {"a": 1}, unique_key="k").id == first.id


class Order(SQLModel, table=True):
    """A table of the application beside the queue's."""

    id: int | None = Field(default=None, primary_key=True)


def test_an_enqueue_in_the_callers_session_comes_and_goes_with_it(queue: Queue, add: Any, worker: Leases) -> None:
    SQLModel.metadata.create_all(queue.engine)
    with queue.session() as session:
        session.add(Order())
        queue.enqueue(add, {"a": 1}, session=session)
        session.rollback()
    assert sql(queue, 'SELECT (SELECT count(*) FROM job), (SELECT count(*) FROM "order")') == [(0, 0)]
    with queue.session() as session:
        session.add(Order())
        job = queue.enqueue(add, {"a": 1}, session=session)
        with pytest.raises(NotFound):
            queue.state(job.id)  # not for others to see yet
        session.commit()
    assert claim_one(worker).job_id == job.id
    assert sql(queue, 'SELECT count(*) FROM "order"') == [(1,)]


def test_a_session_on_another_database_is_refused(queue: Queue, add: Any, another_url: str) -> None:
    other = get_queue(another_url)
    with other.session() as session, pytest.raises(ValueError, match="another database"):
        queue.enqueue(add, {"a": 1}, session=session)
    other.close()


def test_a_session_of_the_callers_own_engine_is_joined(queue: Queue, add: Any, url: str) -> None:
    """On SQLite the test after this one says what an engine of one's own must not be."""
    driver = {"module": queue.engine.dialect.dbapi} if url.startswith("sqlite") else {}
    engine = create_engine(url, **driver)
    with Session(engine) as session:
        queue.enqueue(add, {"a": 1}, session=session)
        session.commit()
    engine.dispose()
    assert sql(queue, "SELECT count(*) FROM ready") == [(1,)]


@pytest.mark.sqlite
def test_a_session_under_another_library_is_refused(queue: Queue, add: Any, tmp_path: Path) -> None:
    foreign = create_engine(f"sqlite:///{tmp_path}/data/queue.db")
    if foreign.dialect.dbapi is not queue.engine.dialect.dbapi:
        with Session(foreign) as session, pytest.raises(ValueError, match="own engine"):
            queue.enqueue(add, {"a": 1}, session=session)


@pytest.mark.usefixtures("stopped_clocks")
def test_four_runs_at_0_1_3_and_7_seconds_then_unprocessable(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1})
    delays, ended_at = [], queue.database.now()
    for _ in range(3):
        claimed = claim_one(worker)
        fail(worker, queue, claimed)
        assert job.state is JobState.RETRYING
        ((due,),) = sql(queue, "SELECT due_at FROM delayed")
        delays.append((due - ended_at) / SECOND)
        assert claim(worker) == [], "not before it is due"
        wait_out(queue, delays[-1] + 1)
    fail(worker, queue, claim_one(worker))
    assert delays == [1, 2, 4]
    assert job.state is JobState.UNPROCESSABLE
    history = sql(queue, "SELECT attempt, outcome FROM attempt ORDER BY attempt")
    assert history == [(1, "failed"), (2, "failed"), (3, "failed"), (4, "failed")]


def test_a_retried_job_keeps_its_place(queue: Queue, add: Any, worker: Leases) -> None:
    first, second = queue.enqueue_many(add, [{"a": 1}, {"a": 2}])
    fail(worker, queue, claim_one(worker))
    wait_out(queue, 2)
    assert [c.job_id for c in claim(worker, 2)] == [first, second]


def test_snoozing_uses_up_no_retry(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1}, max_retries=0)
    for _ in range(5):
        claimed = claim_one(worker)
        fail(worker, queue, claimed, Snooze(10))
        assert job.state is JobState.SCHEDULED
        wait_out(queue, 11)
    complete(worker, queue, claim_one(worker), "done")
    assert job.result(0) == "done"


def test_resubmit_grants_a_fresh_budget_and_keeps_the_history(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1}, max_retries=0)
    fail(worker, queue, claim_one(worker))
    assert job.state is JobState.UNPROCESSABLE
    assert job.resubmit("mended")
    claimed = claim_one(worker)
    assert (claimed.attempt, claimed.retries) == (2, 0)
    complete(worker, queue, claimed)
    assert [row[0] for row in sql(queue, "SELECT outcome FROM attempt ORDER BY attempt")] == ["failed", "completed"]
    assert sql(queue, "SELECT verb, job_id, reason FROM action") == [("resubmit", job.id, "mended")]


def test_verbs_refuse_states_they_do_not_fit_and_say_why(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1})
    operator = queue.operator("ada")
    assert operator.resubmit([job.id]).refused == {job.id: "it is pending, so it cannot be resubmitted"}
    assert operator.delete([job.id, 99]).refused[99] == "there is no such job"
    claimed = claim_one(worker)
    assert operator.mark_failed([job.id]).changed == []
    assert operator.cancel([job.id]).changed == [job.id]
    assert operator.cancel([job.id]).refused == {job.id: "it was asked to cancel already"}
    assert job.state is JobState.PROCESSING, "asked is not canceled"
    assert worker.beat().cancel == {job.id}
    complete(worker, queue, claimed)
    assert job.state is JobState.COMPLETED, "a finish that wins the race stays completed"
    assert sql(queue, "SELECT DISTINCT who FROM action") == [("ada",)]


def test_cancel_mark_failed_and_delete(queue: Queue, add: Any) -> None:
    one, two = queue.enqueue(add, {"a": 1}, delay=60), queue.enqueue(add, {"a": 1})
    operator = queue.operator("ada")
    operator.cancel([one.id], reason="wrong day")
    operator.mark_failed([two.id])
    with pytest.raises(JobFailed, match="canceled by ada: wrong day"):
        one.result()
    with pytest.raises(JobFailed, match="marked failed by ada"):
        two.result()
    operator.cancel([two.id])
    assert two.state is JobState.CANCELED
    assert operator.delete([one.id, two.id]).changed == [one.id, two.id]
    with pytest.raises(NotFound):
        one.result()


def test_a_handler_that_says_fail_ends_the_job_without_retry(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1})
    fail(worker, queue, claim_one(worker), Fail("no use"))
    assert job.state is JobState.FAILED


def test_an_assigned_job_goes_to_that_worker_only(queue: Queue, add: Any, worker: Leases) -> None:
    job = queue.enqueue(add, {"a": 1})
    queue.operator().assign([job.id], "w2")
    assert claim(worker) == []
    assert not worker.waiting()
    assert claim_one(a_worker(queue, "w2")).job_id == job.id


def test_waiting_jobs_get_another_priority_wherever_they_wait(queue: Queue, add: Any, worker: Leases) -> None:
    first, second = queue.enqueue_many(add, [{"a": 1}] * 2)
    delayed = queue.enqueue(add, {"a": 3}, delay=60).id
    done = queue.operator().set_priority([second, delayed], -5, reason="urgent")
    assert done.changed == [second, delayed]
    assert queries.misplaced(queue.database) == []
    wait_out(queue, 61)
    claims = claim(worker, 3)
    assert [each.job_id for each in claims] == [second, delayed, first]
    assert queue.operator().set_priority([first], 0).refused == {
        first: "it is processing, so it cannot be given another priority"
    }
    end(worker, queue, claims[0], released())
    assert [each.job_id for each in claim(worker)] == [second]
    with pytest.raises(BadOrder, match="priority must be"):
        queue.operator().set_priority([first], 10**9)


def test_a_job_is_replaced_by_one_with_other_arguments(queue: Queue, add: Any, worker: Leases) -> None:
    old = queue.enqueue(add, {"a": 1}, unique_key="k", priority=3, max_retries=1)
    new = queue.operator("ada").replace(old.id, {"a": 2}, reason="wrong number")
    assert queue.state(old.id) is S.CANCELED
    before, after = (queries.job(queue.database, job) for job in (old.id, new))
    assert before.job.error == "replaced by ada: wrong number"
    assert json.loads(after.job.args) == {"a": 2}
    assert (after.job.priority, after.job.max_retries, after.unique_key) == (3, 1, "k")
    assert json.loads(before.actions[0].detail) == {"from": "pending", "new": new}
    assert json.loads(after.actions[0].detail) == {"instead_of": old.id}
    complete(worker, queue, claim_one(worker))
    again = queue.operator().replace(new, {"a": 5})
    assert queue.state(new) is S.COMPLETED
    with pytest.raises(Refused, match=f"key is held by job {again}"):
        queue.operator().replace(old.id, {"a": 5})
    with pytest.raises(ArgumentError):
        queue.operator().replace(new, {"b": "x"})
    claim_one(worker)
    with pytest.raises(Refused, match="is processing"):
        queue.operator().replace(again, {"a": 6})
    with pytest.raises(NotFound):
        queue.operator().replace(10**6, {"a": 6})
    assert queries.misplaced(queue.database) == []


def test_a_claim_takes_nothing_that_stands_between_its_jobs(queue: Queue, add: Any, worker: Leases) -> None:
    """Jobs that follow each other are claimed as a range; others in it must stay where they are."""
    ids = queue.enqueue_many(add, [{"a": n, "b": 0} for n in range(6)])
    queue.operator().assign([ids[2]], "another")
    assert [c.job_id for c in claim(worker, 3)] == [ids[0], ids[1], ids[3]]
    assert [c.job_id for c in claim(worker, 9)] == ids[4:]
    assert sql(queue, "SELECT job_id FROM ready") == [(ids[2],)]
    assert sql(queue, "SELECT count(*), count(DISTINCT claimed_at) FROM lease") == [(5, 2)]


def test_a_job_of_an_unknown_task_is_left_for_another_worker(queue: Queue, add: Any, worker: Leases) -> None:
    strange, mine = queue.enqueue("strange", {}), queue.enqueue(add, {"a": 1})
    assert [c.job_id for c in claim(worker, 5)] == [mine.id]
    assert strange.state is JobState.PENDING
    assert claim_one(a_worker(queue, "w2", ("strange",))).job_id == strange.id


def test_a_worker_serves_the_queues_it_was_given_and_starves_none(queue: Queue, add: Any) -> None:
    for name in ("a", "b", "c"):
        queue.enqueue_many(add, [{"a": 1}] * 3, queue=name)
    picky = queue.leases("picky", 4, ["add"], ["b"])
    picky.register()
    assert {c.queue for c in claim(picky, 9)} == {"b"}
    everyone = a_worker(queue)
    assert [claim_one(everyone).queue for _ in range(4)] == ["a", "c", "a", "c"]


def test_a_paused_queue_gives_nothing_until_it_is_resumed_or_its_time_is_over(
    queue: Queue, add: Any, worker: Leases
) -> None:
    queue.enqueue_many(add, [{"a": 1}] * 2)
    operator = queue.operator("ada")
    operator.pause("default", reason="release")
    assert claim(worker) == []
    assert not worker.waiting()
    operator.pause("default", until=queue.database.now() - 1)
    assert len(claim(worker)) == 1
    operator.pause("default")
    operator.resume("default")
    assert len(claim(worker)) == 1
    assert [row[0] for row in sql(queue, "SELECT verb FROM action ORDER BY id")] == ["pause"] * 3 + ["resume"]


def test_a_queue_with_work_is_not_deleted(queue: Queue, add: Any) -> None:
    operator = queue.operator()
    assert operator.create_queue("images")
    assert not operator.create_queue("images")
    job = queue.enqueue(add, {"a": 1}, queue="images")
    with pytest.raises(Exception, match="has unfinished jobs"):
        operator.delete_queue("images")
    job.cancel()
    operator.delete_queue("images")
    with pytest.raises(Exception, match="no queue images"):
        operator.delete_queue("images")


def test_result_waits_and_times_out(queue: Queue, add: Any) -> None:
    job = queue.enqueue(add, {"a": 1})
    with pytest.raises(TimeoutError, match="pending"):
        job.result(timeout=0.05)
    with pytest.raises(NotFound):
        queue.job(99)


def test_every_job_stands_in_exactly_one_place_whatever_happened(queue: Queue, add: Any, worker: Leases) -> None:
    queue.enqueue_many(add, [{"a": n} for n in range(20)])
    queue.enqueue(add, {"a": 1}, delay=9)
    for number, claimed in enumerate(claim(worker, 10)):
        (complete if number % 2 else fail)(worker, queue, claimed)
    assert misplaced(queue.database) == []


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("redis://localhost", "'redis'"),
        ("postgresql+asyncpg://localhost/x", "asyncpg"),
        ("sqlite://", "file"),
        ("sqlite:///:memory:", "file"),
        ("nonsense", "not a database URL"),
    ],
)
def test_a_url_without_a_back_end_is_a_clear_error(url: str, word: str) -> None:
    with pytest.raises(UnsupportedUrl, match=word):
        get_queue(url)


def test_the_url_comes_from_the_environment_when_none_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PQKIT_URL", f"sqlite:///{tmp_path}/mine.db")
    settings.cache_clear()
    try:
        assert get_queue().database.path == tmp_path / "mine.db"
    finally:
        settings.cache_clear()


def test_without_create_a_missing_database_is_an_error_that_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="pqkit db init"):
        get_queue(f"sqlite:///{tmp_path}/none.db", create=False)
    assert not (tmp_path / "none.db").exists()
