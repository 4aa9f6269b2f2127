"""What is true of PostgreSQL alone: many write at once, the server's clock decides, connections break."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from pqkit import Job, Queue, get_queue
from pqkit.db import connect, system_clock
from pqkit.db.postgresql import PostgresDatabase, bloat, server_health, server_transaction
from pqkit.db.postgresql.connector import HOT, Opener
from pqkit.db.postgresql.server_clock import ServerClock
from pqkit.db.postgresql.server_transaction import Write
from pqkit.db.postgresql.url import read_address
from pqkit.domain.outcomes import completed
from pqkit.domain.payload import PayloadError
from pqkit.domain.states import JobState
from pqkit.errors import DatabaseUnavailable, UnsupportedUrl
from pqkit.maintenance.sampler import Sampler
from pqkit.queries import Filter, jobs, misplaced, obstacle
from pqkit.queries.audit_history import audit
from pqkit.queue import Finished, Leases
from pqkit.sql import compiled
from tests.conftest import a_worker
from tests.fleet import Fleet
from tests.handlers import double
from tests.postgres import Server
from tests.support import PATIENCE, wait_until
from tests.test_statements_postgresql import plan
from tests.verbs import SECOND, claim, claim_one, complete, fail, sql

HOUR = 3_600 * SECOND


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with server.database() as url:
        yield url


@pytest.fixture
def database(queue: Queue) -> PostgresDatabase:
    assert isinstance(queue.database, PostgresDatabase)
    return queue.database


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Do it in so many threads that begin at the same moment."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> Any:
        barrier.wait(PATIENCE)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


# Many at once


def test_workers_that_claim_at_once_share_the_jobs_and_nobody_misses_any(queue: Queue) -> None:
    ids = set(queue.enqueue_many("add", [{}] * 600, queue="a")) | set(queue.enqueue_many("add", [{}] * 200, queue="b"))
    workers = [a_worker(queue, f"w{number}") for number in range(4)]

    def work(number: int) -> list[int]:
        worker, done = workers[number], []
        finished: list[Finished] = []
        while len(done) < 800 and sql(queue, "SELECT 1 FROM ready LIMIT 1"):
            turn = worker.exchange(finished, 7, alone=not finished)
            assert turn.refused == []
            now = queue.database.now()
            finished = [Finished(claimed, completed(None), now, now) for claimed in turn.claims]
            done += [claimed.job_id for claimed in turn.claims]
        worker.exchange(finished, 0, alone=False)
        return done

    shares = together(4, work)
    assert sorted(job for share in shares for job in share) == sorted(ids)
    assert audit(queue.database).clean
    assert misplaced(queue.database) == []


def test_operators_and_workers_that_want_the_same_jobs_leave_each_in_one_place(queue: Queue) -> None:
    """Claims, finishes, cancels, resubmits, assigns and deletes, all of the same few jobs, in four threads each."""
    ids = queue.enqueue_many("add", [{}] * 40)
    workers = [a_worker(queue, f"w{number}") for number in range(4)]

    def act(number: int) -> None:
        operator = queue.operator(f"ada{number}")
        verbs = (operator.cancel, operator.resubmit, operator.mark_failed, lambda some: operator.assign(some, None))
        for turn in range(12):
            verbs[(turn + number) % len(verbs)](ids[turn % 5 :: 5])

    def work(number: int) -> None:
        worker = workers[number]
        for _ in range(25):
            now = queue.database.now()
            claims = worker.exchange([], 5, alone=True).claims
            worker.exchange([Finished(c, completed(None), now, now) for c in reversed(claims)], 0, alone=False)

    together(8, lambda number: (work if number % 2 else act)(number // 2))
    assert misplaced(queue.database) == []
    assert audit(queue.database).findings == []


def test_deleting_and_resubmitting_at_once_leaves_no_place_without_a_job(queue: Queue, worker: Leases) -> None:
    for _ in range(15):
        ids = queue.enqueue_many("add", [{}] * 6)
        for claimed in claim(worker, 6):
            complete(worker, queue, claimed)
        later = queue.database.now() + HOUR
        acts: list[Callable[[], object]] = [
            lambda ids=ids: queue.operator("ada").resubmit(ids),  # type: ignore[misc]
            lambda ids=ids: queue.operator("bob").delete(ids),  # type: ignore[misc]
            lambda later=later: queue.upkeep().prune(JobState.COMPLETED, later),  # type: ignore[misc]
        ]
        together(3, lambda number, acts=acts: acts[number]())
        assert misplaced(queue.database) == []
        queue.operator("ada").cancel(ids)


@pytest.mark.parametrize("name", ["default", "new"])
def test_a_unique_key_that_many_want_at_once_is_one_job(queue: Queue, url: str, name: str) -> None:
    """Queues of their own, as in processes of their own: within one they would share a transaction."""
    queues = [Queue(connect(url)) for _ in range(6)]
    asked = together(6, lambda number: queues[number].enqueue("add", {}, unique_key="k", queue=name))
    assert len({job.id for job in asked}) == 1
    assert sorted(job.existing for job in asked) == [False] + [True] * 5
    assert sql(queue, "SELECT count(*) FROM job") == sql(queue, "SELECT count(*) FROM ready") == [(1,)]
    for one in queues:
        one.close()


def test_a_duty_that_many_want_at_once_is_one_workers(queue: Queue) -> None:
    workers = [a_worker(queue, f"w{number}") for number in range(6)]
    for round_ in range(5):
        got = together(6, lambda number: queue.upkeep().take_duty(workers[number].id, f"duty {round_}"))  # noqa: B023
        assert sum(got) == 1


def test_a_claim_and_the_burial_of_its_worker_exclude_each_other(queue: Queue, url: str) -> None:
    """Who has been buried claims nothing, and what was claimed before is freed in the same transaction."""
    queue.enqueue_many("add", [{}] * 50)
    for number in range(10):
        doomed = a_worker(queue, f"doomed {number}")
        sql(queue, f"UPDATE worker SET machine_at = NULL, beat = 0 WHERE id = {doomed.id}")
        acts = [lambda: claim(doomed, 5), lambda: queue.upkeep().rescue(30)]  # noqa: B023
        together(2, lambda which: acts[which]())  # noqa: B023
        assert sql(queue, f"SELECT count(*) FROM lease WHERE worker_id = {doomed.id}") == [(0,)]
        queue.operator("ada").cancel([job.id for job in jobs(queue.database, Filter(states=(JobState.UNPROCESSABLE,)))])


# Clocks


HARD_TO_QUOTE = [
    "",
    "NULL",
    "null",
    "{}",
    "a,b",
    '"',
    "\\",
    '\\"',
    '{"a": [1, 2]}',
    "it's",
    " ",
    "\n\t",
    "ü€😀",
    "\\N",
    "%s",
]


def test_what_is_hard_to_quote_goes_in_by_many_and_comes_back_as_it_was(queue: Queue, worker: Leases) -> None:
    ids = queue.enqueue_many("add", [{"text": text} for text in HARD_TO_QUOTE])
    claims = claim(worker, len(ids))
    assert [json.loads(held.args)["text"] for held in claims] == HARD_TO_QUOTE
    now = queue.database.now()
    ended = zip(claims, HARD_TO_QUOTE, strict=True)
    worker.exchange([Finished(held, completed(text), now, now) for held, text in ended], 0, alone=False)
    assert [queue.job(i).result(0) for i in ids] == HARD_TO_QUOTE


@pytest.mark.parametrize("many", [1, 2, 3, 4, 5, 8, 9, 11, 12, 13, 17])
def test_many_jobs_keep_their_order_wherever_a_copy_or_a_message_ends(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(server_transaction, "COPIED", 8)
    monkeypatch.setattr(server_transaction, "SENT", 4)
    ids = queue.enqueue_many("add", [{"n": n} for n in range(many)])
    assert [(held.job_id, json.loads(held.args)["n"]) for held in claim(worker, 20)] == list(
        zip(ids, range(many), strict=True)
    )
    with pytest.raises(PayloadError):
        queue.enqueue_many("add", [{"n": n} for n in range(many)] + [{"n": object()}])
    assert sql(queue, "SELECT count(*) FROM job") == [(many,)]


def test_a_machine_whose_clock_is_wrong_by_hours_does_no_harm(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    (honest,) = sql(queue, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")[0]
    monkeypatch.setattr(system_clock, "wall", lambda: 0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    job, worker = queue.enqueue("add", {}, delay=5), a_worker(queue)
    ((created, due),) = sql(queue, "SELECT created_at, due_at FROM job_state")
    assert abs(created - honest) < PATIENCE * SECOND
    assert due - created == pytest.approx(5 * SECOND, abs=SECOND)
    assert queue.upkeep().stage() == 0
    assert job.state is JobState.SCHEDULED
    assert queue.upkeep().rescue(30) == []
    assert worker.beat().registered
    assert queue.upkeep().rescue(30) == []


def test_a_slow_answer_does_not_make_time_jump() -> None:
    known = ServerClock()
    known.learn(100, 1_000_150, 200)
    distance = known.now() - 1_000_000
    known.learn(300, 1_002_000, 5_300)  # the server read its clock somewhere between the two
    assert known.now() - 1_000_000 == pytest.approx(distance, abs=SECOND)
    known.learn(300, 9_000_000, 400)
    assert known.now() > 8_000_000, "a clock that was set is followed"


def test_each_part_of_an_idle_worker_s_second_is_one_way_to_the_server(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    upkeep, sampler = queue.upkeep(), Sampler(queue.database)
    upkeep.take_duty(worker.id)
    parts: dict[str, Callable[[], object]] = {
        "poll": worker.waiting,
        "beat": lambda: worker.beat(running=False),
        "agenda": upkeep.agenda,
        "rescue": lambda: upkeep.rescue(30),
        "duty": lambda: upkeep.renew_duty(worker.id),
        "sample": sampler.sample,
    }
    execute, asked = psycopg.Cursor.execute, list[str]()

    def counted(part: str, *arguments: Any, **options: Any) -> Any:
        asked.append(part)
        return execute(*arguments, **options)

    sampler.sample()  # it looks at the size of the database only now and then
    for part, act in parts.items():
        monkeypatch.setattr(
            psycopg.Cursor, "execute", lambda *values, part=part, **options: counted(part, *values, **options)
        )
        act()
    assert {part: asked.count(part) for part in parts} == dict.fromkeys(parts, 1) | {"sample": 2}


JOIN = "DELETE FROM ready USING unnest(%s::bigint[]) AS it(job_id) WHERE ready.job_id = it.job_id"


def test_many_rows_are_found_by_an_index_even_by_a_plan_from_when_there_was_none(queue: Queue) -> None:
    """A plan may outlive what it is from: a join would walk the whole table for each of the rows."""
    statements = {name: it for name, it in vars(compiled).items() if isinstance(it, compiled.Statement) and it.many}
    texts = {name: it.many.text for name, it in statements.items() if it.many and not it.many.text.startswith("INSERT")}
    with Opener(read_address(queue.database.url), "normal").open(HOT) as connection:
        connection.execute("VACUUM ANALYZE")
        joined = [name for name, text in (texts | {"JOIN": JOIN}).items() if not by_index(plan(connection, text))]
    assert joined == ["JOIN"]
    assert {"DELETE_READY", "DELETE_DELAYED", "DELETE_INTENT", "DELETE_HOLD", "MARK_KEY"} <= set(texts)


def by_index(steps: list[str]) -> bool:
    looked_up = [step for step in steps if "Index Cond" in step and "ANY" in step]
    return bool(looked_up) and not any("Nested Loop" in step for step in steps)


def test_leases_are_judged_by_the_servers_clock_alone(queue: Queue, worker: Leases) -> None:
    sql(queue, f"UPDATE worker SET machine_at = NULL, beat = beat - {29 * SECOND}, pid_space = 'elsewhere'")
    assert queue.upkeep().rescue(60) == []
    sql(queue, f"UPDATE worker SET machine_at = NULL, beat = beat - {60 * SECOND}")
    (found,) = queue.upkeep().rescue(60)
    assert "no heartbeat" in found.reason


# Connections


def test_our_connections_end_what_hangs_and_notice_a_dead_peer(database: PostgresDatabase) -> None:
    with database.write() as tx:
        shown = {name: tx.cursor.execute(f"SHOW {name}").fetchone()[0] for name in HOT}
        params = tx.cursor.connection.info.get_parameters()
    assert shown["statement_timeout"] == shown["idle_in_transaction_session_timeout"] == "30s"
    assert shown["enable_seqscan"] == "off"
    assert params["tcp_user_timeout"] == "10000"
    assert {"keepalives_idle", "keepalives_interval", "connect_timeout"} <= params.keys()
    with database.look() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "10min"
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
        assert connection.exec_driver_sql("SHOW enable_seqscan").scalar() == "on", "people's questions are planned"


@pytest.mark.parametrize(("durability", "value"), [("full", "on"), ("normal", "off")])
def test_durability_is_said_to_the_server(url: str, durability: Any, value: str) -> None:
    database = connect(url, durability)
    with database.write() as tx:
        assert tx.cursor.execute("SHOW synchronous_commit").fetchone() == (value,)
    database.close()


def cut_all(server: Server, url: str) -> None:
    """End every connection to that database, as a restart of the server would, and wait for their ends."""
    name = urlsplit(url).path.lstrip("/")
    ended = "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE datname = %s"
    with server.connection() as admin:
        admin.execute(ended, (round(1000 * PATIENCE), name))


def test_connections_that_were_cut_are_replaced_before_anything_is_lost(queue: Queue, server: Server, url: str) -> None:
    worker = a_worker(queue)
    for _ in range(3):
        queue.enqueue("add", {})
        cut_all(server, url)
    assert len(claim(worker, 5)) == 3
    cut_all(server, url)
    assert len(jobs(queue.database)) == 3


def test_a_cut_within_a_transaction_is_one_clear_line_and_leaves_nothing(
    queue: Queue, database: PostgresDatabase, server: Server, url: str
) -> None:
    def write() -> None:
        with database.write() as tx:
            tx.run(compiled.INSERT_QUEUE, "half", 0)
            cut_all(server, url)
            tx.run(compiled.INSERT_QUEUE, "whole", 0)

    with pytest.raises(DatabaseUnavailable, match="terminating connection") as told:
        write()
    assert "\n" not in str(told.value)
    assert sql(queue, "SELECT count(*) FROM queue") == [(0,)]


def test_a_job_that_goes_in_by_one_statement_is_as_any_other(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    task = {"priority": 3, "max_retries": 2, "backoff": [1.5], "timeout": 4.5}
    wake, version = queue.database.wake(), queue.database.data_version
    wait_until(lambda: version() > 0, what="the listener's first word")

    def enqueue() -> Job:
        seen = version()
        job = queue.enqueue("add", {"of": "é\\\t'"}, **task)
        assert wake.wait_for_commit(PATIENCE, version, seen) == "commit"
        return job

    enqueue()  # makes the queue
    first = enqueue()  # looks up what it says
    monkeypatch.setattr(PostgresDatabase, "write", None)
    second = enqueue()
    monkeypatch.undo()
    for table, key in (("job", "id"), ("ready", "job_id")):
        one, other = (
            sql(queue, f"SELECT to_jsonb(it) - '{key}' - 'created_at' - 'since' FROM {table} it WHERE {key} = {job.id}")
            for job in (first, second)
        )
        assert one == other
        assert len(one) == 1
    wake.close()


@pytest.mark.parametrize("options", [{"unique_key": "k"}, {"delay": 60}, {"limit_key": "k"}])
def test_a_job_that_is_more_than_two_rows_takes_a_transaction(
    queue: Queue, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch, options: Any
) -> None:
    for _ in range(2):
        queue.enqueue("add", {})
    monkeypatch.setattr(database, "place_job", None)
    assert queue.enqueue("add", {}, **options).id


def test_one_statement_takes_a_job_of_any_size(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        queue.enqueue("add", {})
    monkeypatch.setattr(PostgresDatabase, "write", None)
    text = "é" * 131_000  # more than the system takes at once
    job = queue.enqueue("add", {"text": text})
    assert sql(queue, f"SELECT args->>'text' FROM job WHERE id = {job.id}") == [(text,)]


def test_one_statement_goes_on_where_the_server_was_made_to_forget_it(
    queue: Queue, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        queue.enqueue("add", {})
    monkeypatch.setattr(PostgresDatabase, "write", None)
    forgotten = set[str]()
    for _ in range(4):
        queue.enqueue("add", {})
        for connection in [database.kept.quiet() for _ in range(3)]:
            assert connection is not None
            forgotten |= {name for (name,) in connection.execute("SELECT name FROM pg_prepared_statements")}
            connection.execute("DEALLOCATE ALL")
            database.kept.put(connection)
    assert {"pqkit_place", "pqkit_tell"} <= forgotten
    assert len(sql(queue, "SELECT id FROM job")) == 6


def test_what_the_server_refuses_is_raised_and_the_next_job_is_taken(queue: Queue) -> None:
    for _ in range(2):
        queue.enqueue("add", {})
    sql(queue, "ALTER TABLE job ADD CONSTRAINT good CHECK (task <> 'bad')")
    with pytest.raises(psycopg.errors.CheckViolation, match="good"):
        queue.enqueue("bad", {})
    sql(queue, "ALTER TABLE job DROP CONSTRAINT good")
    assert queue.enqueue("bad", {}).id
    assert len(jobs(queue.database)) == 3


def test_a_cut_while_one_statement_commits_leaves_open_whether_it_did(queue: Queue, server: Server, url: str) -> None:
    for _ in range(2):
        queue.enqueue("add", {})

    def cut(admin: Any) -> bool:
        waiting = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return bool(admin.execute(waiting).fetchone()[0])

    with ThreadPoolExecutor(1) as other, psycopg.connect(url.replace("+psycopg", "")) as locking:
        locking.execute("LOCK TABLE ready")
        enqueued = other.submit(queue.enqueue, "add", {})
        with server.connection() as admin:
            wait_until(lambda: cut(admin), what="the statement that waits")
        with pytest.raises(DatabaseUnavailable, match="the commit's answer did not arrive"):
            enqueued.result(PATIENCE)
    assert len(jobs(queue.database)) == 2


def test_a_server_that_is_not_there_is_one_clear_line_at_once() -> None:
    database = connect("postgresql+psycopg://ada:secret@127.0.0.1:1/queue")
    begun = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="refused") as told, database.write():
        pass
    assert time.monotonic() - begun < PATIENCE
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


def test_a_database_that_is_not_there_is_one_clear_line(server: Server) -> None:
    with pytest.raises(DatabaseUnavailable, match='database "nowhere" does not exist'):
        get_queue(server.named("nowhere"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://ada:secret@host:port/db",
        "postgresql://ada:secret@host/db?nonsense=1",
        "postgresql+psycopg2://ada:secret@host/db",
        "postgresql:/ada:secret@host/db",
        "Postgresql ada:secret@host",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UnsupportedUrl) as refused:
        connect(url)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_name_of_a_database_holds_no_password(server: Server) -> None:
    database = connect("postgres://ada:sec%40ret@one,two/queue?password=secret")
    assert database.name == "postgresql://ada@one,two/queue"


def test_a_swallowed_error_does_not_pass_for_a_commit(database: PostgresDatabase) -> None:
    with pytest.raises(AssertionError, match="swallowed"), database.write() as tx, pytest.raises(psycopg.Error):
        tx.cursor.execute("SELECT 1 / 0")


# Commits that are not answered


def unanswered(monkeypatch: pytest.MonkeyPatch, *, stands: bool) -> None:
    """The connection is cut around the next commit: after the server has carried it out, or before."""
    honest = Write._commit

    def cut(write: Write) -> None:
        monkeypatch.undo()
        if stands:
            honest(write)
        else:
            write._roll_back()
        raise DatabaseUnavailable("the commit's answer did not arrive")

    monkeypatch.setattr(Write, "_commit", cut)


@pytest.mark.parametrize("stands", [True, False])
def test_a_finish_whose_commit_was_not_answered_is_accepted_once(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch, stands: bool
) -> None:
    first, second = queue.enqueue_many("add", [{}, {}])
    claimed, now = claim_one(worker), queue.database.now()
    finished = [Finished(claimed, completed(1), now, now)]
    unanswered(monkeypatch, stands=stands)
    with pytest.raises(DatabaseUnavailable):
        worker.exchange(finished, 1, alone=False)
    turn = worker.exchange(finished, 1, alone=False)
    assert turn.refused == []
    assert [claimed.job_id for claimed in turn.claims] == [second], "what was claimed unheard is given back first"
    assert sql(queue, f"SELECT outcome FROM attempt WHERE job_id = {first}") == [("completed",)]
    assert complete(worker, queue, turn.claims[0])
    assert audit(queue.database).findings == []


def test_a_claim_whose_commit_was_not_answered_is_given_back_uncharged(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, lost = queue.enqueue_many("add", [{}, {}])
    held = claim_one(worker)
    unanswered(monkeypatch, stands=True)
    with pytest.raises(DatabaseUnavailable):
        claim(worker)
    assert worker.waiting(), "it looks after what it may hold, although nothing is ready"
    again = claim_one(worker)
    assert (held.job_id, again.job_id, again.attempt, again.retries) == (kept, lost, 2, 0)
    assert complete(worker, queue, held)


def test_a_zombie_is_refused_also_after_a_commit_that_was_not_answered(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue("add", {})
    claimed = claim_one(worker)
    sql(queue, "UPDATE worker SET machine_at = NULL, beat = 0")
    queue.upkeep().rescue(30)
    unanswered(monkeypatch, stands=True)
    with pytest.raises(DatabaseUnavailable):
        fail(worker, queue, claimed)
    assert not complete(worker, queue, claimed)


# Waking


def test_new_work_is_announced_and_an_end_is_not(queue: Queue, worker: Leases) -> None:
    wake, version = queue.database.wake(), queue.database.data_version
    wait_until(lambda: version() > 0, what="the listener's first word")
    seen = version()
    queue.enqueue("add", {})
    assert wake.wait_for_commit(PATIENCE, version, seen) == "commit"
    seen = version()
    complete(worker, queue, claim_one(worker))
    assert wake.wait_for_commit(0.2, version, seen) == "timeout"
    queue.enqueue("add", {}, delay=0.001)
    wait_until(queue.upkeep().stage, what="the due job")
    assert wake.wait_for_commit(PATIENCE, version, seen) == "commit"
    wake.close()


@pytest.mark.parametrize("verb", ["resume", "assign"])
def test_what_an_operator_lets_workers_take_is_announced(queue: Queue, verb: str) -> None:
    job = queue.enqueue("add", {})
    wake, version = queue.database.wake(), queue.database.data_version
    wait_until(lambda: version() > 0, what="the listener's first word")
    seen = version()
    operator = queue.operator("ada")
    operator.resume("default") if verb == "resume" else operator.assign([job.id], "w1")
    assert wake.wait_for_commit(PATIENCE, version, seen) == "commit"
    wake.close()


def test_work_queued_in_the_callers_own_transaction_is_announced_with_it(queue: Queue) -> None:
    wake, version = queue.database.wake(), queue.database.data_version
    wait_until(lambda: version() > 0, what="the listener's first word")
    seen = version()
    with queue.session() as session:
        queue.enqueue("add", {}, session=session)
        assert wake.wait_for_commit(0.2, version, seen) == "timeout"
        session.commit()
    assert wake.wait_for_commit(PATIENCE, version, seen) == "commit"
    wake.close()


def test_a_listener_that_was_cut_listens_again(queue: Queue, server: Server, url: str) -> None:
    wake, version = queue.database.wake(), queue.database.data_version
    wait_until(lambda: version() > 0, what="the listener's first word")
    seen = version()
    cut_all(server, url)
    wait_until(lambda: version() > seen, what="its word that something may have come")
    seen = version()
    queue.enqueue("add", {})
    assert wake.wait_for_commit(PATIENCE, version, seen) == "commit"
    wake.close()


def test_a_worker_that_hears_nothing_finds_the_job_all_the_same(
    queue: Queue, fleet: Fleet, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As through a pooler: whoever polls finds it."""
    monkeypatch.setattr("pqkit.db.postgresql.server_transaction.COMMIT_AND_TELL", "COMMIT")
    monkeypatch.setattr("pqkit.db.postgresql.single_insert.TELL", "SELECT 1")
    fleet.start()
    assert queue.enqueue(double, {"n": 4}).result(PATIENCE) == 8


def test_through_a_pooler_every_transaction_says_its_own_settings(
    queue: Queue, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pooler is known by the process number that it makes up."""
    monkeypatch.setattr(Opener, "_is_pooled", lambda _self, _connection, _pid: True)
    database.close()
    with database.write() as tx:
        raw = tx.cursor.connection
        assert raw.prepare_threshold is None
        assert tx.cursor.execute("SHOW statement_timeout").fetchone() == ("30s",)
    assert raw.execute("SHOW statement_timeout").fetchone() == ("0",), "the session is somebody else's next"
    assert database.pooled
    worker = a_worker(queue)
    queue.enqueue_many("add", [{}] * 3)
    assert all(complete(worker, queue, claimed) for claimed in claim(worker, 3))
    with queue.session() as session:
        queue.enqueue("add", {}, session=session)
        assert session.connection().exec_driver_sql("SHOW statement_timeout").scalar() == "10min"
        session.commit()
    assert len(jobs(queue.database)) == 4
    wake = queue.database.wake()
    queue.enqueue("add", {})
    assert wake.wait_for_commit(0.2, database.data_version, 0) == "timeout"
    wake.close()
    database.close()


# Health


def test_the_transaction_that_holds_the_horizon_is_named(
    queue: Queue, server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_health, "LONG_OPEN", 0)
    assert obstacle(queue.database) is None
    with psycopg.connect(url.replace("+psycopg", "", 1), application_name="report") as stranger:
        stranger.execute("SELECT count(*) FROM job")
        stranger.execute("CREATE TEMPORARY TABLE mine (x INTEGER)")
        found = obstacle(queue.database)
        pid = stranger.info.backend_pid
    assert found is not None
    assert not found.fatal
    assert f"process {pid} of the server (report, user postgres, idle in transaction)" in found.words


def test_a_table_whose_dead_rows_a_stranger_keeps_is_written_anew(
    queue: Queue, database: PostgresDatabase, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not while somebody uses it, and not without need; whoever looks meanwhile misses nothing."""
    kept = queue.enqueue("add", {}, priority=9).id
    monkeypatch.setattr(bloat, "HELD", 0)
    monkeypatch.setattr(bloat, "FEW", 50)

    def fill() -> None:
        queue.operator("ada").cancel(queue.enqueue_many("add", [{}] * 60))
        wait_until(lambda: any(found.table == "ready" and found.dead > 50 for found in database.health().dead))

    fill()
    assert database.compact() == [], "nobody keeps them"
    with psycopg.connect(url.replace("+psycopg", "", 1)) as stranger, database.look() as look:
        stranger.execute("CREATE TEMPORARY TABLE mine (x INTEGER)")
        fill()
        assert database.compact() == [], "somebody looks at it"
        assert look.exec_driver_sql("SELECT job_id FROM ready").scalar_one() == kept
        look.rollback()
        wait_until(database.compact, what="its being written anew")
        assert [job.id for job in jobs(queue.database, Filter(states=(JobState.PENDING,)))] == [kept]
        assert sql(queue, "SELECT pg_relation_size('ready')") == [(8192,)]
    assert misplaced(database) == []


def test_hot_tables_are_vacuumed_by_a_count_of_dead_rows(queue: Queue) -> None:
    options = dict(sql(queue, "SELECT relname::text, reloptions FROM pg_class WHERE reloptions IS NOT NULL"))
    for table in ("ready", "lease", "delayed"):
        assert "autovacuum_vacuum_scale_factor=0" in options[table]
        assert "vacuum_truncate=off" in options[table]


def test_a_deleted_job_takes_its_history_along_however_it_is_deleted(queue: Queue, worker: Leases) -> None:
    queue.enqueue_many("add", [{}] * 3)
    for claimed in claim(worker, 3):
        complete(worker, queue, claimed)
    sql(queue, "DELETE FROM job WHERE id < 3")
    assert sql(queue, "SELECT job_id FROM attempt") == sql(queue, "SELECT job_id FROM closed") == [(3,)]


def test_an_index_that_is_not_valid_is_damage(queue: Queue) -> None:
    assert queue.database.integrity() == []
    sql(queue, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'lease_by_worker'::regclass")
    assert queue.database.integrity() == ["the index lease_by_worker is not valid: REINDEX INDEX lease_by_worker"]


def test_what_is_searched_is_found_as_on_sqlite_whatever_spaces_jsonb_puts(queue: Queue) -> None:
    wanted = queue.enqueue("add", {"a": [1, 2], "b": "x, y"}).id
    queue.enqueue("add", {"a": [12]})
    for text in ('"a":[1,2]', '"a": [1, 2]', "x, y", 'Y"'):
        assert [job.id for job in jobs(queue.database, Filter(text=text))] == [wanted]
    assert jobs(queue.database, Filter(text="% 1")) == []


def test_large_numbers_come_back_with_the_value_that_they_had(queue: Queue, worker: Leases) -> None:
    """JSONB writes a float beyond 10**15 without a point, so that it comes back as an integer of the same value."""
    values = [1e16, 1.5e300, -2.0, 0.1, 2**63 - 1, 1e-7]
    job = queue.enqueue("add", {})
    complete(worker, queue, claim_one(worker), values)
    assert [float(value) for value in job.result(PATIENCE)] == [float(value) for value in values]
