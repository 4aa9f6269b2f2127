"""A search tells nothing of what is hidden: a right guess gets the same answer, and the same work, as a wrong one."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from pqkit import Queue, queries
from pqkit.domain.states import JobState
from pqkit.models import table
from pqkit.queries import Filter, keyset_pagination
from tests.rest import client_of

JOBS = 2_100
SECRET = "Zq7secret"
RIGHT, WRONG = '"api_key":"zq', '"api_key":"zx'
FAILED = JobState.FAILED


@pytest.fixture
def hidden(queue: Queue) -> Queue:
    """So many jobs with one secret in their arguments and errors, half of them failed and half of them waiting anew."""
    ids = queue.enqueue_many("charge", [{"n": n, "api_key": SECRET} for n in range(JOBS)])
    ready, delayed, closed = (table(name) for name in ("ready", "delayed", "closed"))
    kept = {"attempt": 1, "retries": 0, "crashes": 0, "suspect": 0}
    error = f"ValueError: no login with password={SECRET}"
    with queue.engine.begin() as connection:
        connection.execute(ready.delete())
        for place, rest in (
            (delayed, {"due_at": 1, "state": "retrying", "priority": 0, "queue": "default"}),
            (closed, {"finished_at": 1, "state": "failed"}),
        ):
            rows = [
                {"job_id": job, "error": error, **kept, **rest} for job in ids if (job % 2 == 0) == (place is closed)
            ]
            names = set(place.c.keys())
            connection.execute(place.insert(), [{k: v for k, v in row.items() if k in names} for row in rows])
    return queue


GUESSES = [
    (Filter(text=RIGHT), Filter(text=WRONG)),
    (Filter(text=SECRET), Filter(text=SECRET[::-1])),
    (Filter((FAILED,), text=RIGHT), Filter((FAILED,), text=WRONG)),
    (Filter(error="password=Zq7"), Filter(error="password=Zx7")),
    (Filter((FAILED,), error="password=Zq7"), Filter((FAILED,), error="password=Zx7")),
    (Filter(group="ValueError: …word=Zq…"), Filter(group="ValueError: …word=Zx…")),
    (Filter(text="api_key", error="Zq7"), Filter(text="api_key", error="Zx7")),
]


@contextmanager
def statements(queue: Queue) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(queue.engine, "before_cursor_execute", note)
    yield asked
    event.remove(queue.engine, "before_cursor_execute", note)


def answers(queue: Queue, wanted: Filter) -> list[object]:
    """Everything that a guess is answered, and how much was asked of the database for it."""
    database = queue.database
    with statements(queue) as asked:
        found = [
            queries.search(database, wanted, oldest=oldest, among=among)
            for oldest in (False, True)
            for among in (2_000, 10_000)
        ]
        chosen = [queries.jobs(database, wanted), queries.select_jobs(database, wanted, 100)]
    assert not any(word in statement.upper() for statement in asked for word in ("LIKE", "LOWER("))
    return [found, chosen, asked]


@pytest.mark.parametrize(("right", "wrong"), GUESSES, ids=str)
def test_a_right_guess_is_answered_as_a_wrong_one(hidden: Queue, right: Filter, wrong: Filter) -> None:
    assert answers(hidden, right) == answers(hidden, wrong)


def test_a_right_guess_redacts_as_many_texts_as_a_wrong_one(hidden: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, guesses in (("redacted", GUESSES[0]), ("redact", GUESSES[3])):
        counts = [_redactions(hidden, wanted, name, monkeypatch) for wanted in guesses]
        assert counts == [JOBS, JOBS], name


def _redactions(queue: Queue, wanted: Filter, name: str, monkeypatch: pytest.MonkeyPatch) -> int:
    seen: list[str] = []
    with monkeypatch.context() as patch:
        told = getattr(keyset_pagination, name)
        patch.setattr(keyset_pagination, name, lambda text: (seen.append(text), told(text))[1])
        queries.search(queue.database, wanted)
    return len(seen)


def test_over_rest_a_right_guess_is_answered_as_a_wrong_one(hidden: Queue) -> None:
    with client_of(hidden) as client:
        for name, right, wrong in (("text", RIGHT, WRONG), ("error", "password=zq", "password=zx")):
            found = [client.get("/jobs", params={name: guess}).text for guess in (right, wrong)]
            assert found[0] == found[1], name


def test_what_is_shown_of_such_jobs_is_found(hidden: Queue) -> None:
    assert queries.search(hidden.database, Filter(text='"n": 7,')).matching == (1, True)
    for wanted in (Filter(text='"API_KEY"'), Filter(error="no LOGIN"), Filter(error="password=***")):
        assert queries.search(hidden.database, wanted).matching == (JOBS, True), wanted


def test_a_search_ends_where_it_has_compared_enough_and_goes_on_from_there(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset_pagination, "MOST_CHARACTERS", 1_000)
    queue.enqueue_many("mail", [{"body": "x" * 300, "n": n} for n in range(20)])
    found, before, pages = [], None, 0
    while True:
        step = queries.search(queue.database, Filter(text='"n":1'), before=before)
        found += [job.id for job in step.jobs]
        pages += 1
        if (before := step.next) is None:
            break
    assert found == queries.ids(queue.database, Filter(text='"n":1'), 100)
    assert len(found) == 11
    assert pages > 4
