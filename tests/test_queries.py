"""What the read model answers about a seeded database, and that a page's first query walks an index."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, combinations
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Executable, delete, select

from pqkit import NotFound, Queue, get_queue, queries
from pqkit.domain.outcomes import Fail, completed, ended_by
from pqkit.domain.states import FINAL, JobState
from pqkit.leasing.worker_leases import Report
from pqkit.models import table
from pqkit.queries import Filter, Key, Trace
from pqkit.queries.audit_trail import trail_statement
from pqkit.queries.job_views import view_statement
from pqkit.queries.keyset_pagination import Page, statement, walks
from pqkit.queries.selection_summary import survey_statement
from pqkit.queue import Finished, Leases

S = JobState


@pytest.fixture
def queue(kind, tmp_path, request) -> Iterator[Queue]:
    """A copy of a seeded database of one's own."""
    with ExitStack() as stack:
        if kind == "sqlite":
            request.getfixturevalue("seeded_file").database.backup(tmp_path / "queue.db")
            url = f"sqlite:///{tmp_path}/queue.db"
        else:
            name = request.getfixturevalue("seeded_on_server")
            url = stack.enter_context(request.getfixturevalue("server").database(template=name))
        queue = get_queue(url, create=False)
        stack.callback(queue.close)
        yield queue


@pytest.fixture(scope="module")
def seeded_file(tmp_path_factory) -> Queue:
    return seed(get_queue(f"sqlite:///{tmp_path_factory.mktemp('seeded')}/queue.db"))


@pytest.fixture(scope="module")
def seeded_on_server(server) -> Iterator[str]:
    with server.database() as url:
        seed(get_queue(url)).close()
        yield urlsplit(url).path.lstrip("/")


def seed(queue: Queue) -> Queue:
    """Twelve jobs: each state has at least one, and those that failed have errors of their own."""
    for number in range(8):
        queue.enqueue("resize", {"path": f"{number}.png"}, queue="images", max_retries=0 if number == 3 else 3)
    leases = queue.leases("w1", 8, ["resize"])
    leases.register()
    _run(queue, leases)
    queue.enqueue("resize", {"path": "100%.png"}, queue="images")
    queue.enqueue("mail", {"to": "ada"}, queue="post", priority=5)
    queue.enqueue("mail", {"to": "bob"}, queue="post")
    queue.enqueue("mail", {"to": "eve"}, queue="post", delay=3600)
    return queue


def _run(queue: Queue, leases: Leases) -> None:
    """Jobs 1 and 2 complete, 3 retries, 4 is unprocessable, 5 fails, 6 and 7 are held, 8 is called off."""
    queue.operator("ada").cancel([8], reason="not needed")
    claims = leases.exchange([], 8, alone=True).claims
    now = queue.database.now()
    outcomes = [
        completed({"width": 1}),
        completed(None),
        ended_by(claims[2], ValueError("disk 100% full")),
        ended_by(claims[3], ValueError("no such file")),
        ended_by(claims[4], Fail("bad picture")),
    ]
    finished = [Finished(claim, outcome, now, now) for claim, outcome in zip(claims, outcomes, strict=False)]
    leases.exchange(finished, 0, alone=False)


STATES = {
    S.COMPLETED: [2, 1],
    S.RETRYING: [3],
    S.UNPROCESSABLE: [4],
    S.FAILED: [5],
    S.PROCESSING: [7, 6],
    S.CANCELED: [8],
    S.PENDING: [10, 11, 9],
    S.SCHEDULED: [12],
}


@pytest.mark.parametrize("state", JobState)
def test_a_page_of_one_state_has_its_jobs_newest_first(queue, state):
    page = queries.jobs(queue.database, Filter(states=(state,)))
    assert [job.id for job in page] == STATES[state]
    assert {job.state for job in page} == {state}


def test_a_page_without_filter_has_every_job_newest_first(queue):
    assert [job.id for job in queries.jobs(queue.database)] == list(range(12, 0, -1))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(queue="post"), [12, 11, 10]),
        (Filter(task="mail", states=(S.PENDING,)), [10, 11]),
        (Filter(queue="images", states=(S.PENDING, S.PROCESSING)), [7, 6, 9]),
        (Filter(text="100%"), [9]),
        (Filter(text="ADA"), [10]),
        (Filter(text="_.png"), []),
        (Filter(error="100%"), [3]),
        (Filter(error="NO SUCH"), [4]),
        (Filter(error="no such", states=(S.UNPROCESSABLE, S.PENDING, S.PROCESSING)), [4]),
        (Filter(error="not needed", states=(S.CANCELED,)), [8]),
        (Filter(group="ValueError: disk …% full"), [3]),
        (Filter(group="no such …", states=(S.UNPROCESSABLE,)), [4]),
        (Filter(older_than=3600), []),
        (Filter(newer_than=3600, states=(S.SCHEDULED,)), [12]),
    ],
)
def test_a_filter_finds_exactly_its_jobs(queue, wanted, found):
    assert [job.id for job in queries.jobs(queue.database, wanted)] == found
    assert queries.ids(queue.database, wanted, 100) == found
    assert queries.search(queue.database, wanted).matching == (len(found), True)


@pytest.mark.parametrize(
    "wanted",
    [Filter(queue="post"), Filter(text="png"), Filter(error="no"), Filter((S.RETRYING, *FINAL), task="resize")],
)
def test_a_search_in_short_steps_finds_the_same_jobs_and_says_how_far_it_is(queue, wanted):
    for oldest in (False, True):
        whole = queries.jobs(queue.database, wanted, oldest=oldest)
        steps, before = [], None
        while True:
            step = queries.search(queue.database, wanted, limit=2, before=before, oldest=oldest, among=2)
            steps += step.jobs
            if before is None:
                assert step.matching.jobs <= len(whole)
                assert not step.matching.whole
            if (before := step.next) is None:
                break
        assert steps == whole


def test_nobody_finds_a_secret_by_searching_for_it(queue):
    secret = queue.enqueue("mail", {"to": "zoe", "api_key": "swordfish", "deep": [{"Password": {"old": "marlin"}}]}).id
    for text in ("swordfish", "marlin", "old"):
        wanted = Filter(text=text)
        assert queries.search(queue.database, wanted).jobs == queries.jobs(queue.database, wanted) == []
        assert queries.ids(queue.database, wanted, 10) == []
    for text in ("zoe", "api_key", '"to":"ZOE"'):
        assert queries.ids(queue.database, Filter(text=text), 10) == [secret]


@pytest.mark.parametrize("states", [(), *chain.from_iterable(combinations(JobState, n) for n in (1, 2, 8))])
def test_pages_put_together_are_the_whole_list_without_gap_or_repeat(queue, states):
    wanted = Filter(states=states)
    for oldest in (False, True):
        whole = queries.jobs(queue.database, wanted, limit=100, oldest=oldest)
        pages, before = [], None
        while page := queries.jobs(queue.database, wanted, limit=2, before=before, oldest=oldest):
            pages += page
            before = page[-1].key
        assert pages == whole
    assert sorted(job.id for job in whole) == sorted(chain.from_iterable(STATES[s] for s in states or JobState))


def test_a_job_in_a_list_says_who_ran_it_and_why_it_failed(queue):
    (retrying,) = queries.jobs(queue.database, Filter(states=(S.RETRYING,)))
    assert (retrying.worker, retrying.error, retrying.attempt, retrying.retries) == (
        "w1",
        "ValueError: disk 100% full",
        1,
        1,
    )
    assert retrying.due_at > retrying.created_at
    assert json.loads(retrying.args) == {"path": "2.png"}


def test_one_job_is_shown_with_its_attempts_lines_progress_actions_and_result(queue):
    queue.operator("bob").resubmit([5], reason="new picture")
    leases = queue.leases("w2", 1, ["resize"], ["images"])
    leases.register()
    claims = leases.exchange([], 1, alone=True).claims
    now = queue.database.now()
    leases.beat([Report(claims[0], now, None, "half way"), Report(claims[0], now, 0.5, "so far")])
    leases.exchange([Finished(claims[0], completed([1]), now, now)], 0, alone=False)
    detail = queries.job(queue.database, 5)
    assert detail.job.state is S.COMPLETED
    assert detail.result == "[1]"
    assert [(run.attempt, run.worker, run.outcome) for run in detail.attempts] == [
        (1, "w1", "failed"),
        (2, "w2", "completed"),
    ]
    assert "bad picture" in detail.attempts[0].error
    assert [line.line for line in detail.lines] == ["half way"]
    assert (detail.progress.fraction, detail.progress.note) == (0.5, "so far")
    assert [(act.who, act.verb, act.reason) for act in detail.actions] == [("bob", "resubmit", "new picture")]


def test_the_lines_of_a_job_are_in_the_order_of_time(queue):
    queue.operator("bob").resubmit([5])
    leases = queue.leases("w2", 1, ["resize"], ["images"])
    leases.register()
    (held,) = leases.exchange([], 1, alone=True).claims
    now = queue.database.now()
    later = [Report(held, now + after, None, f"line {after}") for after in (3, 1, 4, 2)]
    leases.beat(later[:2])
    leases.beat(later[2:])
    assert [line.line for line in queries.job(queue.database, 5).lines] == ["line 1", "line 2", "line 3", "line 4"]


def test_a_job_that_is_not_there_is_not_found(queue):
    with pytest.raises(NotFound, match="no job 99"):
        queries.job(queue.database, 99)


def test_counts_name_all_eight_states(queue):
    assert queries.counts(queue.database) == {state: len(ids) for state, ids in STATES.items()}


def test_queues_count_their_unfinished_jobs_and_show_their_pause(queue):
    queue.operator("ada").pause("post", reason="provider down", until=queue.database.now() + 10**9)
    images, post = queries.queues(queue.database)
    assert images[:5] == ("images", 1, 0, 1, 2)
    assert post[:5] == ("post", 2, 1, 0, 0)
    assert (images.paused_at, post.paused_by, post.pause_reason) == (None, "ada", "provider down")
    assert images.oldest_pending_age >= post.oldest_pending_age >= 0


def test_a_queue_without_a_row_is_listed_while_it_has_jobs(queue):
    with queue.engine.begin() as connection:
        connection.execute(delete(table("queue")))
    assert [view.name for view in queries.queues(queue.database)] == ["images", "post"]


def test_workers_show_what_they_run_and_ended_ones_only_when_asked(queue):
    (worker,) = queries.workers(queue.database)
    assert (worker.name, worker.slots, worker.running, worker.tasks, worker.queues) == ("w1", 8, 2, ["resize"], [])
    assert worker.heartbeat_age >= 0
    gone = queue.leases("w0", 1, ["mail"], ["post"])
    gone.register()
    gone.end("stopped")
    assert [w.name for w in queries.workers(queue.database)] == ["w1"]
    assert [(w.name, w.end_reason) for w in queries.workers(queue.database, living=False)] == [
        ("w1", None),
        ("w0", "stopped"),
    ]


def test_a_heartbeat_from_before_the_last_start_of_the_machine_has_no_age(queue):
    with queue.engine.begin() as connection:
        connection.execute(table("worker").update().values(boot_id="another boot"))
    assert queries.workers(queue.database)[0].heartbeat_age is None


def test_rates_count_what_runs_ended_per_minute(queue):
    two_in_two_hours = pytest.approx(1 / 60)
    assert queries.rates(queue.database, seconds=7_200) == (two_in_two_hours, two_in_two_hours)
    with queue.engine.begin() as connection:
        connection.execute(table("closed").update().values(finished_at=0))
    assert queries.rates(queue.database, seconds=7_200) == (0.0, 0.0)


def test_pending_jobs_that_no_living_worker_may_take_are_unserved(queue):
    assert queries.unserved(queue.database) == [("post", "mail", None, 2)]
    queue.operator("ada").assign([9], "w9")
    assert ("images", "resize", "w9", 1) in queries.unserved(queue.database)
    queue.leases("w9", 1, ["mail", "resize"]).register()
    assert queries.unserved(queue.database) == []


def test_no_job_is_misplaced_in_a_sound_database(queue):
    assert queries.misplaced(queue.database) == []


@pytest.mark.parametrize(("place", "job_id"), [("ready", 9), ("delayed", 12), ("lease", 6), ("closed", 1)])
def test_a_job_whose_place_row_was_lost_is_misplaced(queue, place, job_id):
    with queue.engine.begin() as connection:
        connection.execute(delete(table(place)).where(table(place).c.job_id == job_id))
    assert queries.misplaced(queue.database) == [job_id]


def test_a_job_in_two_places_and_a_place_without_a_job_are_misplaced(queue):
    ready = (
        table("ready").insert().values(queue="images", priority=0, attempt=0, retries=0, crashes=0, suspect=0, since=0)
    )
    with queue.engine.begin() as connection:
        connection.execute(ready, [{"job_id": 1}, {"job_id": 77}])
    assert queries.misplaced(queue.database) == [1, 77]


def test_a_survey_says_what_chosen_jobs_are_made_of(queue):
    found = queries.survey(queue.database, [5, 4, 3, 10, 99])
    assert list(found.frozen.items()) == [(5, S.FAILED), (4, S.UNPROCESSABLE), (3, S.RETRYING), (10, S.PENDING)]
    assert found.states == {S.RETRYING: 1, S.PENDING: 1, S.FAILED: 1, S.UNPROCESSABLE: 1}
    assert (found.queues, found.tasks) == ({"images": 3, "post": 1}, {"resize": 3, "mail": 1})
    assert {group.pattern: group.example for group in found.errors} == {
        "Fail: bad picture": 5,
        "ValueError: no such file": 4,
        "ValueError: disk …% full": 3,
    }
    assert found.oldest is not None
    assert found.oldest <= found.newest


def test_the_trail_has_the_latest_actions_first_and_is_narrowed_and_paged(queue):
    operator = queue.operator("bob")
    operator.pause("images", reason="slow disk")
    operator.cancel([9])
    newest = queries.trail(queue.database)
    assert [(e.who, e.verb, e.job_id, e.reason) for e in newest] == [
        ("bob", "cancel", 9, None),
        ("bob", "pause", None, "slow disk"),
        ("ada", "cancel", 8, "not needed"),
    ]
    assert queries.trail(queue.database, Trace(who="ada")) == newest[2:]
    assert queries.trail(queue.database, Trace(verb="cancel"), limit=1, before=newest[0].id) == newest[2:]
    assert queries.trail(queue.database, Trace(job_id=9)) == newest[:1]


# The plans of the first page

FILTERS = [
    Filter(),
    Filter(queue="images"),
    Filter(task="mail"),
    Filter(text="x"),
    Filter(error="x"),
    Filter(group="x …"),
    Filter(queue="images", task="mail", older_than=1.0, newer_than=2.0, text="x", error="x"),
]


@pytest.mark.sqlite
@pytest.mark.parametrize("states", [(), *((state,) for state in JobState)], ids=str)
@pytest.mark.parametrize("wanted", FILTERS)
@pytest.mark.parametrize("oldest", [False, True])
def test_the_first_page_walks_one_index_and_looks_everything_else_up(queue, states, wanted, oldest):
    for walk in chain.from_iterable(walks(replace(wanted, states=states))):
        found = _plan(
            queue, statement(walk, replace(wanted, states=states), queue.database.now(), Page(50, None, oldest))
        )
        assert _troubles(found, walk.table.name) == []


@pytest.mark.sqlite
def test_the_jobs_of_a_page_are_read_by_their_ids(queue):
    assert _troubles(_plan(queue, view_statement([1, 2, 3])), None) == []
    assert _troubles(_plan(queue, survey_statement([1, 2, 3])), None) == []


@pytest.mark.sqlite
@pytest.mark.parametrize("wanted", [Trace(), Trace(who="ada"), Trace(verb="cancel")])
def test_the_trail_is_walked_by_its_key(queue, wanted):
    assert _troubles(_plan(queue, trail_statement(wanted, 50, 7)), "action") == []


@pytest.mark.sqlite
def test_the_check_of_plans_finds_a_sorter_and_a_scan(queue):
    job = table("job")
    sorting = select(job.c.id).where(job.c.queue == "images").order_by(job.c.created_at.desc()).limit(5)
    assert _troubles(_plan(queue, sorting), "job") == ["USE TEMP B-TREE FOR ORDER BY"]
    joining = select(job.c.id).join(table("action"), table("action").c.reason == job.c.queue)
    assert any(line.startswith("SCAN") for line in _troubles(_plan(queue, joining), None))


def _plan(queue: Queue, asked: Executable) -> list[str]:
    literal = asked.compile(dialect=queue.engine.dialect, compile_kwargs={"literal_binds": True})
    with queue.database.look() as connection:
        return [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {literal}".replace("%", "%%"))]


def _troubles(plan: list[str], walked: str | None) -> list[str]:
    """The steps that read more than a page needs. The index that is walked, newest first, ends with the limit."""
    scans = (step for step in plan if step.startswith("SCAN") and step.partition(" USING INDEX")[0] != f"SCAN {walked}")
    return [*scans, *(step for step in plan if "TEMP B-TREE" in step)]


def test_a_key_of_one_filter_continues_that_filter(queue):
    page = queries.jobs(queue.database, Filter(states=(S.COMPLETED,)), limit=1)
    assert page[-1].key == Key(S.COMPLETED.place, (page[-1].finished_at, 2))
