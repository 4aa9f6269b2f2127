"""Verbs that change many jobs: a filter that says nothing, or that nothing fits, touches nothing and says so."""

from typing import Any

import pytest

from pqkit import Queue, queries
from pqkit.domain.names import BadOrder
from pqkit.queries import Filter
from pqkit.queries.job_filter import BadFilter
from tests.cli.support import Pqkit
from tests.rest import client_of
from tests.verbs import sql

VERBS = [
    ("jobs", "resubmit"),
    ("jobs", "cancel"),
    ("jobs", "mark-failed"),
    ("jobs", "delete"),
    ("jobs", "assign", "--anyone"),
    ("jobs", "set-priority", "--priority=1"),
    ("redrives", "start"),
]
EMPTY = [
    (),
    ("--text", ""),
    ("--text", "  "),
    ("--text", '"'),
    ("--text", "%"),
    ("--text", '{": '),
    ("--error", ""),
    ("--error", "…: *"),
    ("--queue", ""),
    ("--task", " "),
    ("--older-than", ""),
    ("--state", ""),
    ("--state", "lost"),
    ("--field", "x"),
    ("--older-than", "0s"),
    ("--newer-than", "0s"),
    ("--older-than", "2h", "--newer-than", "1h"),
    ("--all", "--task", "add"),
]
FITS_NONE = [("--queue", "nowhere"), ("--task", "nothing"), ("--text", "100%"), ("--task", "add", "--queue", "other")]


@pytest.fixture
def seeded(queue: Queue) -> Queue:
    queue.enqueue_many("add", [{"a": n} for n in range(3)])
    queue.enqueue_many("add", [{"a": n} for n in range(2)], delay=3600)
    queue.operator().cancel(queue.enqueue_many("add", [{}]))
    queue.enqueue("mail", queue="other")
    return queue


def standing(queue: Queue) -> list[Any]:
    """Everything that a verb could have changed."""
    jobs = sql(queue, "SELECT id, state, priority, assigned_to FROM job_state ORDER BY id")
    return [jobs, *(sql(queue, f"SELECT count(*) FROM {table}") for table in ("action", "redrive", "schedule"))]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_what_says_nothing_touches_nothing(verb: tuple[str, ...], pqkit: Pqkit, seeded: Queue) -> None:
    before = standing(seeded)
    for said in EMPTY:
        answer = pqkit(*verb, *said, "--yes")
        assert answer.code == 2, said
        assert not answer.out
        assert answer.err.startswith("pqkit: "), said
    for said in FITS_NONE:
        assert "no job" in pqkit(*verb, *said, "--yes").err, said
    assert standing(seeded) == before


def test_states_that_a_verb_is_not_for_are_a_contradiction(pqkit: Pqkit, seeded: Queue) -> None:
    before = standing(seeded)
    for verb, state in (("cancel", "canceled"), ("delete", "pending"), ("assign", "completed")):
        more = ("--anyone",) if verb == "assign" else ()
        assert pqkit("jobs", verb, "--state", state, "--yes", *more).is_one_clear_line, verb
    assert standing(seeded) == before


def test_ids_with_all_are_a_contradiction_and_all_is_all(pqkit: Pqkit, seeded: Queue) -> None:
    assert pqkit("jobs", "cancel", "1", "--all", "--yes").is_one_clear_line
    assert pqkit("jobs", "cancel", "--all", "--yes").out.startswith("cancel: 6 jobs changed, 1 refused\n")
    assert set(queries.tally(seeded.database, list(range(1, 8)))) == {"canceled"}


@pytest.mark.parametrize(
    "command",
    [
        ("db", "prune", "--queue", "", "--older-than", "0s"),
        ("db", "prune", "--queue", " "),
        ("db", "prune", "--older-than", ""),
        ("db", "prune", "--older-than", "0"),
        ("db", "prune", "--state", "pending"),
        ("db", "archive", "old", "--queue", "", "--older-than", "0s"),
        ("db", "archive", "", "--older-than", "0s"),
        ("db", "archive", " ", "--older-than", "0s"),
        ("files", "clean", "--older-than", ""),
        ("queues", "delete", ""),
        ("queues", "delete", "nowhere"),
        ("schedules", "delete", ""),
        ("schedules", "backfill", "night", "--from", "1h", "--to", "2h"),
        ("redrives", "undo", "99"),
    ],
    ids=" ".join,
)
def test_other_verbs_that_destroy_refuse_what_says_nothing(
    command: tuple[str, ...], pqkit: Pqkit, seeded: Queue
) -> None:
    seeded.schedules().add("night", task="add", cron="0 3 * * *")
    before = standing(seeded)
    answer = pqkit(*command, *(() if command[0] == "redrives" else ("--yes",)))
    assert answer.code in {1, 2}
    assert not answer.out
    assert answer.err.startswith("pqkit: ")
    assert standing(seeded) == before


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "fields",
    [
        {"text": ""},
        {"text": " \n"},
        {"text": '"'},
        {"text": "},{"},
        {"error": ":"},
        {"error": ""},
        {"queue": ""},
        {"task": 5},
        {"group": ""},
        {"states": ("lost",)},
        {"states": "failed"},
        {"older_than": -1},
        {"older_than": float("nan")},
        {"newer_than": True},
    ],
)
def test_a_filter_that_says_nothing_cannot_be_made(fields: dict[str, Any]) -> None:
    with pytest.raises(BadFilter, match=next(iter(fields))):
        Filter(**fields)


def test_in_python_all_has_to_be_said_and_ids_are_numbers(seeded: Queue) -> None:
    before = standing(seeded)
    with pytest.raises(BadFilter, match="all are meant"):
        queries.select_jobs(seeded.database, Filter(), 100)
    assert len(queries.select_jobs(seeded.database, Filter(), 100, everything=True)) == 7
    operator = seeded.operator()
    wrong: list[Any] = ["12", b"12", None, 5, [True], ["1"], [1.0], [None], {1: 2}]
    for ids in wrong:
        for verb in (operator.cancel, operator.resubmit, operator.mark_failed, operator.delete):
            with pytest.raises(BadOrder, match="job id"):
                verb(ids)
    assert operator.cancel([]).changed == []
    assert standing(seeded) == before


def test_the_rest_interface_takes_no_filter_that_says_nothing(seeded: Queue) -> None:
    before = standing(seeded)
    with client_of(seeded) as client:
        for query in ("text=", "text=%22", "error=%20", "error=:", "queue=", "task=%20", "state=lost", "older_than=-1"):
            assert client.get(f"/jobs?{query}").status_code == 422, query
        for path in ("/jobs//cancel", "/jobs/0/cancel", "/jobs/x/resubmit", "/schedules/night/backfill"):
            assert client.post(path, json={}).status_code in {404, 422}, path
        assert client.post("/jobs/1/cancel", json={"all": True}).status_code == 422
        for path in ("/queues/", "/queues/nowhere", "/schedules/", "/schedules/nothing"):
            assert client.delete(path).status_code in {404, 405, 409, 422}, path
    assert standing(seeded)[0] == before[0]
