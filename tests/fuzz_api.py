"""Requests of every kind to the REST interface, good and bad, by everybody: no server error, no answer that the
description does not know, nobody who gets further than the token's scopes.

The suite runs a few. The long run: ``.venv/bin/python -m tests.fuzz_api --requests 20000`` (requests of each identity),
with ``--url`` on a scratch database of PostgreSQL; it prints what was answered, and ends with 1 if anything is wrong.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import SkipTest

import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from pqkit import Queue, get_queue
from pqkit.api import create_app
from pqkit.security.permissions import NEEDS, Role, Scope
from tests.rest import needed, token

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
IDENTITIES: dict[str, tuple[Scope, ...] | None] = {
    "nobody": None,
    **{f"scope {scope}": (scope,) for scope in Scope},
    **{f"role {role}": tuple(role.scopes) for role in (Role.OPERATOR, Role.ADMIN)},
}
UNREAD = {400, 413, 422}
"""What may be answered before it is asked who sends it: the body cannot be read, or does not fit."""
TASKS = ("add", "mail")


@dataclass
class Report:
    """How many requests of each identity were answered with which status, and what was wrong."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return self.answers.total()

    def of(self, identity: str) -> dict[int, int]:
        return {status: count for (who, status), count in sorted(self.answers.items()) if who == identity}


class _Shown(AuthBase):
    """Shows a token, whatever else the request was made of."""

    def __init__(self, text: str | None) -> None:
        self._text = text

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self._text is not None:
            request.headers["Authorization"] = f"Bearer {self._text}"
        return request


class Fuzz:
    """One application on one queue, and requests to it."""

    def __init__(self, queue: Queue, number: int) -> None:
        self.queue, self.report, self._number = queue, Report(), number
        self.app = create_app(queue, get_dequeue=True)
        self._chance = random.Random(number)
        self._needs = needed()
        self._tokens = {name: token(queue, *scopes) for name, scopes in IDENTITIES.items() if scopes is not None}
        self._all = {"Authorization": f"Bearer {token(queue)}"}

    def run(self, per_identity: int, only: str = "") -> Report:
        """So many requests of each identity, as many to each operation (or to those with ``only`` in their path)."""
        with TestClient(self.app) as self.client:
            schema = schemathesis.openapi.from_asgi("/openapi.json", self.app)
            operations = [found.ok() for found in schema.get_all_operations()]
            operations = [operation for operation in operations if only in operation.path]
            for operation in operations:
                self._some(operation, -(-per_identity // len(operations)))
        return self.report

    def _some(self, operation: Any, count: int) -> None:
        """Half of them wrong, as far as there is anything that can be."""
        asked = self._round(operation, GenerationMode.NEGATIVE, count // 2)
        while asked < count:
            more = self._round(operation, GenerationMode.POSITIVE, count - asked)
            if not more:
                self.report.wrong.append(f"{operation.label}: no request can be made")
                return
            asked += more

    def _round(self, operation: Any, mode: GenerationMode, most: int) -> int:
        """Up to so many different requests of a kind; how many there were."""
        self._number += 1
        self._seed()
        asked = [0]

        def ask(case: Case) -> None:
            asked[0] += 1
            if asked[0] % 25 == 0:
                self._seed()
            for identity in self._chance.sample(list(IDENTITIES), len(IDENTITIES)):
                self._ask(case, identity)

        kind = hypothesis_settings(
            max_examples=max(most, 1),
            phases=[Phase.generate],
            database=None,
            deadline=None,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
        )
        try:
            kind(seed(self._number)(given(case=operation.as_strategy(generation_mode=mode))(ask)))()
        except (SkipTest, Unsatisfiable):
            assert mode is GenerationMode.NEGATIVE, operation.label
        return asked[0]

    def _ask(self, case: Case, identity: str) -> None:
        self._aim(case)
        for name in [name for name in case.headers or {} if name.lower() == "authorization"]:
            del case.headers[name]
        try:
            response = case.call(app=self.app, auth=_Shown(self._tokens.get(identity)))
        except Exception as error:  # noqa: BLE001 - what the service answers by 500 comes through to here
            self._complain(case, identity, f"ends in {type(error).__name__}: {error}")
            return
        self.report.answers[identity, response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except (Failure, FailureGroup) as failure:
            self._complain(case, identity, f"{failure} {getattr(failure, 'exceptions', '')}")
        self._check_rights(case, identity, response.status_code, response.text)

    def _check_rights(self, case: Case, identity: str, status: int, text: str) -> None:
        verb = self._needs[case.operation.path, case.operation.method.upper()]
        scopes = IDENTITIES[identity] or ()
        if verb is None or NEEDS[verb] in scopes:
            if status in {401, 403}:
                self._complain(case, identity, f"is refused by {status}, and may")
        elif status not in UNREAD | {401 if identity == "nobody" else 403} and '"detail":"Not Found"' not in text:
            self._complain(case, identity, f"gets as far as {status}, and may not")

    def _complain(self, case: Case, identity: str, words: str) -> None:
        self.report.wrong.append(f"{identity}: {case.method} {case.formatted_path}: {words}"[:2_000])

    def _aim(self, case: Case) -> None:
        """Let half of the requests meet something that is there, and none wait."""
        if isinstance(case.body, dict) and isinstance(case.body.get("wait"), int | float):
            case.body["wait"] = min(case.body["wait"], 0.0)
        there = {"job_id": self._jobs, "worker": self._workers, "lease": self._leases, "name": ["default"]}
        for name in case.path_parameters or {}:
            if self._chance.random() < 0.5 and there.get(name):
                case.path_parameters[name] = self._chance.choice(there[name])

    def _seed(self) -> None:
        """Something of everything."""
        self._jobs = self.queue.enqueue_many(self._chance.choice(TASKS), [{"a": n} for n in range(6)])
        new = self.client.post("/workers", json={"name": "w", "tasks": TASKS, "slots": 4}, headers=self._all)
        self._workers = [new.json()["worker"]]
        taken = self.client.post(f"/workers/{self._workers[0]}/claim", json={"count": 4}, headers=self._all)
        self.client.post("/schedules", json={"name": "default", "task": "add", "every": 3600}, headers=self._all)
        self._leases = [job["lease"] for job in taken.json()["jobs"]]


def main() -> int:
    """The long run."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--requests", type=int, default=20_000, help="of each identity")
    wanted.add_argument("--url", help="a scratch database; SQLite in a folder of its own where none is named")
    wanted.add_argument("--seed", type=int, default=1)
    given_ = wanted.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        queue, begun = get_queue(given_.url or f"sqlite:///{Path(folder)}/fuzz.db"), time.monotonic()
        report = Fuzz(queue, given_.seed).run(given_.requests)
        queue.close()
    for identity in IDENTITIES:
        print(f"{identity:16} {report.of(identity)}")
    print(f"{report.requests} requests in {time.monotonic() - begun:.0f} s, {len(report.wrong)} answered wrongly")
    print("\n".join(report.wrong[:50]))
    return int(bool(report.wrong))


if __name__ == "__main__":
    sys.exit(main())
