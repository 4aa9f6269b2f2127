"""Settings of a queue: kept, checked, on record, and obeyed by who queues."""

import json
from typing import Any

import pytest

from pqkit import Queue, queries, task
from pqkit.domain.queue_limits import BadLimit, QueueSettings
from pqkit.domain.retry_policy import BadPolicy
from pqkit.jobs import insert
from tests.verbs import sql


def settings_of(queue: Queue, name: str = "images") -> QueueSettings:
    return next(view for view in queries.queues(queue.database) if view.name == name).settings


def test_settings_are_kept_until_they_are_taken_away(queue: Queue) -> None:
    operator = queue.operator("ada")
    operator.set_queue("images", concurrency=3, rate=100, rate_per=60, backoff=[1, 5], keep_dead=2.5, reason="new disk")
    operator.set_queue("images", concurrency=None)
    expected = QueueSettings(rate=100, rate_per=60, backoff="[1, 5]", keep_dead=2.5)
    assert settings_of(queue) == expected
    assert sql(queue, "SELECT limited FROM queue") == [(1,)]
    assert operator.set_queue("images", rate=None) == QueueSettings(backoff="[1, 5]", keep_dead=2.5)
    assert sql(queue, "SELECT limited FROM queue") == [(0,)]


def test_a_change_is_on_record(queue: Queue) -> None:
    queue.operator("ada").set_queue("images", concurrency=3, reason="new disk")
    ((who, verb, reason, detail),) = sql(queue, "SELECT who, verb, reason, detail FROM action")
    assert (who, verb, reason) == ("ada", "set_queue", "new disk")
    assert json.loads(detail) == {"queue": "images", "concurrency": 3}


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"rate": 1.5}, {"rate_per": 3}, {"ageing": -1}, {"keep_dead": 0}, {"rate": True}],
)
def test_settings_that_make_no_sense_are_refused(queue: Queue, options: dict[str, Any]) -> None:
    with pytest.raises(BadLimit):
        queue.operator().set_queue("images", **options)
    with pytest.raises(BadPolicy):
        queue.operator().set_queue("images", backoff=[-1])
    assert sql(queue, "SELECT count(*) FROM queue") == [(0,)]


def test_the_queue_says_of_retries_what_task_and_enqueue_do_not(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    @task(max_retries=5)
    def stubborn() -> None: ...

    monkeypatch.setattr(insert, "REMEMBERED", 0)
    queue.operator().set_queue("default", max_retries=1, backoff=[9])
    queue.enqueue("plain")
    queue.enqueue(stubborn)
    queue.enqueue("plain", backoff=[1, 2, 4])
    queue.enqueue_many("plain", [{}])
    queue.enqueue("plain", queue="other")
    assert sql(queue, "SELECT max_retries, backoff FROM job ORDER BY id") == [
        (1, "[9]"),
        (5, "[9]"),
        (1, "[1, 2, 4]"),
        (1, "[9]"),
        (3, None),
    ]


def test_a_queue_is_set_and_shown_on_the_command_line(pqkit: Any, queue: Queue) -> None:
    done = pqkit("queues", "set", "images", "--concurrency", 3, "--backoff", "1,5m", "--keep-completed", "14d")
    assert done.out == "queue images: concurrency 3, backoff 1 300, keep_completed 14\n"
    assert settings_of(queue) == QueueSettings(concurrency=3, backoff="[1.0, 300.0]", keep_completed=14)
    assert pqkit("queues", "show", "images", "--json").json["settings"]["backoff"] == [1.0, 300.0]
    assert "jobs at once" in pqkit("queues", "show", "images").out
    pqkit("queues", "set", "images", "--concurrency", "none")
    assert settings_of(queue).concurrency is None
    for wrong in (["--rate", "x"], ["--concurrency", "0"], ["--keep-completed", "3"], []):
        assert pqkit("queues", "set", "images", *wrong).is_one_clear_line
