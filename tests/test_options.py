"""Numbers that are no numbers are refused at the call, in one line, whichever option they are given to."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from pqkit import Queue, queries, task
from pqkit.domain.payload import PayloadError
from pqkit.domain.retry_policy import BadPolicy
from pqkit.domain.tasks import ArgumentError
from pqkit.errors import PqkitError
from tests.rest import client_of
from tests.verbs import claim_one, complete, fail

NEVER_A_NUMBER: list[Any] = [True, "5", math.nan, math.inf, -1, Decimal(5), np.int64(5), np.float64(5), [1], 10**5000]
WRONG: list[tuple[str, Any]] = [
    *(("max_retries", value) for value in [*NEVER_A_NUMBER, 1.0, 2**63, 10**7]),
    *(("delay", value) for value in [*NEVER_A_NUMBER, 1e9]),
    *(("debounce", value) for value in NEVER_A_NUMBER),
    *(("timeout", value) for value in [*NEVER_A_NUMBER, 0, 1e300]),
    *(("priority", value) for value in [True, "5", 1.0, math.nan, 40_000, -40_000, np.int64(5), Decimal(5), 10**5000]),
    *(("backoff", value) for value in [5, True, "5", b"5", [], {}, {1}, [True], ["1"], [math.nan], [-1], [10**400]]),
    *(("depends_on", value) for value in [5, "12", [True], ["1"], [1.5], [0], [-1], [2**63], [None]]),
]


@pytest.mark.sqlite
def test_an_option_that_is_no_number_of_its_kind_is_refused(queue: Queue) -> None:
    for option, value in WRONG:
        options: Any = {option: value, **({"unique_key": "k"} if option == "debounce" else {})}
        with pytest.raises(PqkitError, match=r"must be|needs|delay") as refused:
            queue.enqueue("add", {}, **options)
        assert isinstance(refused.value, ValueError)
        assert len(str(refused.value).splitlines()) == 1
        assert len(str(refused.value)) < 300
        if option in {"max_retries", "timeout", "backoff"}:
            with pytest.raises(PqkitError, match=r"must be|needs|delay"):
                task("wrong", **{option: value})(lambda: None)
    assert not any(queries.counts(queue.database).values())


@pytest.mark.sqlite
def test_a_switch_is_on_or_off_and_a_name_is_text(queue: Queue) -> None:
    for value in ("no", 0, 1, None, [], math.nan):
        with pytest.raises(BadPolicy, match="replace must be True or False"):
            queue.enqueue("add", {}, unique_key="k", replace=value)  # type: ignore[arg-type]
        with pytest.raises(BadPolicy, match="encrypted must be True or False"):
            task("wrong", encrypted=value)  # type: ignore[call-overload]
    names: list[Any] = [True, 5, "", " a", "a\0b", "x" * 300, ["a"], b"a"]
    for value in names:
        for option in ("queue", "limit_key"):
            with pytest.raises(BadPolicy, match=f"{option} must be 1 to 200 printable characters"):
                task("wrong", **{option: value})
    for option in ("unique_while", "if_failed", "run_at"):
        long: Any = {option: "x" * 300, "unique_key": "k"}
        with pytest.raises(BadPolicy) as refused:
            queue.enqueue("add", {}, **long)
        assert len(str(refused.value)) < 200
    assert not any(queries.counts(queue.database).values())


@pytest.mark.sqlite
@pytest.mark.parametrize("option", ["concurrency", "rate", "rate_per", "ageing", "max_retries", "keep_completed"])
def test_a_queue_refuses_them_as_well(queue: Queue, option: str) -> None:
    for value in NEVER_A_NUMBER:
        given: Any = {"rate": 1, option: value}
        with pytest.raises(PqkitError, match=option):
            queue.operator().set_queue("default", **given)
    with pytest.raises(PqkitError, match="backoff"):
        queue.operator().set_queue("default", backoff=5)  # type: ignore[typeddict-item]


@pytest.mark.sqlite
def test_the_rest_interface_refuses_them_as_well(queue: Queue) -> None:
    with client_of(queue) as client:
        for options in ({"max_retries": True}, {"delay": True}, {"priority": "5"}, {"backoff": 5}, {"timeout": True}):
            assert client.post("/jobs", json={"task": "add", **options}).status_code == 422, options
        for body in (
            '{"task":"add","args":{"a":1e400}}',
            '{"task":"add","args":{"a":NaN}}',
            '{"task":"add","args":{"a":"\\ud800"}}',
        ):
            answer = client.post("/jobs", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422, body
            assert any(word in answer.json()["detail"] for word in ("args.a", "1e400 would become inf"))
        huge = '{"task":"add","args":{"a":' + "9" * 5000 + "}}"
        assert client.post("/jobs", content=huge, headers={"Content-Type": "application/json"}).status_code in {
            400,
            422,
        }
    assert not any(queries.counts(queue.database).values())


def test_many_calls_name_the_one_that_is_wrong(queue: Queue) -> None:
    @task
    def weigh(rows: list[float]) -> None: ...

    good: list[dict[str, Any]] = [{"rows": [1.0]}] * 3
    with pytest.raises(ArgumentError, match=r"calls\[3\]: weigh: argument 'rows' at args\.rows\[1\]"):
        queue.enqueue_many(weigh, [*good, {"rows": [1.0, math.nan]}, *good])
    with pytest.raises(PayloadError, match=r"calls\[2\]: args\.a is a set"):
        queue.enqueue_many("add", [{}, {}, {"a": {1}}])
    with pytest.raises(PayloadError, match=r"calls\[1\]: args\.a is a set"):
        queue.enqueue_named("k", "add", [{}, {"a": {1}}])
    with pytest.raises(PayloadError, match=r"calls\[1\]"), queue.batch("b", "add") as batch:
        batch.enqueue_many("add", [{}, {"a": {1}}])
    assert not any(queries.counts(queue.database).values())


def test_retries_never_exceed_those_that_are_allowed(queue: Queue, worker: Any) -> None:
    job = queue.enqueue("add", {}, max_retries=0)
    fail(worker, queue, claim_one(worker))
    view = queries.job(queue.database, job.id).job
    assert (view.retries, view.max_retries) == (0, 0)
    with client_of(queue) as client:
        assert client.get(f"/jobs/{job.id}").json()["job"]["retries"] == 0
        (listed,) = client.get("/jobs").json()["jobs"]
        assert (listed["retries"], listed["max_retries"]) == (0, 0)


def test_a_cancel_that_comes_too_late_is_said_in_words(queue: Queue, worker: Any) -> None:
    job = queue.enqueue("add", {})
    held = claim_one(worker)
    queue.operator().cancel([job.id])
    complete(worker, queue, held)
    assert queries.job(queue.database, job.id).late_cancel
    assert "too late" in queue.operator().cancel([job.id]).refused[job.id]


def test_a_refused_finish_is_shown_with_its_job(queue: Queue, worker: Any) -> None:
    job = queue.enqueue("add", {})
    held = claim_one(worker)
    queue.upkeep().rescue(-1)
    assert not complete(worker, queue, held)
    (refused,) = queries.job(queue.database, job.id).refusals
    assert (refused.attempt, refused.worker, refused.outcome) == (1, "w1", "completed")
    with client_of(queue) as client:
        assert client.get(f"/jobs/{job.id}").json()["refusals"][0]["outcome"] == "completed"
