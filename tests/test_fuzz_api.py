"""A short run of what tests/fuzz_api.py does at length, and that it finds what it is there to find."""

import pytest
from starlette.responses import JSONResponse

from pqkit import Queue, queries
from pqkit.api import problems
from pqkit.auth import Principal
from tests.fuzz_api import IDENTITIES, Fuzz


def test_good_and_bad_requests_of_everybody_are_answered_as_described(queue: Queue) -> None:
    report = Fuzz(queue, 1).run(60)
    assert report.wrong == []
    assert all(report.of(identity) for identity in IDENTITIES)
    assert {200, 201, 404, 409, 422} <= report.of("role admin").keys()


@pytest.mark.sqlite
def test_a_server_error_and_a_broken_shape_are_found(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "workers", lambda *_, **__: 1 / 0)
    found = "\n".join(Fuzz(queue, 1).run(4, "/workers").wrong)
    assert "role admin: GET /workers: ends in ZeroDivisionError" in found


@pytest.mark.sqlite
def test_an_answer_of_another_shape_is_found(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "problem", lambda *_: JSONResponse({}, 418))
    found = "\n".join(Fuzz(queue, 1).run(8, "/jobs/{job_id}").wrong)
    assert "Undocumented status code" in found


@pytest.mark.sqlite
def test_whoever_gets_further_than_allowed_is_found(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Principal, "require", lambda *_: None)
    found = Fuzz(queue, 1).run(8, "/jobs").wrong
    assert any(line.startswith("scope read: POST /jobs: gets as far as 201") for line in found)
