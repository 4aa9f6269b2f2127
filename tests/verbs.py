"""Verbs that tests of the queue share: what a worker and the clock would do, said in one call."""

import json
from typing import Any

import pytest

from pqkit.domain.durations import SECOND
from pqkit.domain.outcomes import Claim, Outcome, completed, ended_by
from pqkit.queue import Finished, Leases, Queue


def claim(worker: Leases, demand: int = 1) -> list[Claim]:
    return worker.exchange([], demand, alone=True).claims


def claim_one(worker: Leases) -> Claim:
    (claimed,) = claim(worker)
    return claimed


def end(worker: Leases, queue: Queue, claimed: Claim, outcome: Outcome) -> bool:
    """Finish one claim; whether the fence let it pass."""
    now = queue.database.now()
    return not worker.exchange([Finished(claimed, outcome, now, now)], 0, alone=True).refused


def complete(worker: Leases, queue: Queue, claimed: Claim, result: Any = None) -> bool:
    return end(worker, queue, claimed, completed(result))


def fail(worker: Leases, queue: Queue, claimed: Claim, error: BaseException | None = None) -> bool:
    return end(worker, queue, claimed, ended_by(claimed, error or ValueError("no")))


def wait_out(queue: Queue, seconds: float) -> None:
    """Stage what is due so many seconds from now."""
    queue.upkeep().stage(queue.database.now() + round(seconds * SECOND))


def set_lease_clock(monkeypatch: pytest.MonkeyPatch, queue: Queue, boot: str, now: int) -> None:
    """Let the lease clock of this process, or the server's, stand at ``now``."""
    for reading in ("lease_clock", "lease_moment"):
        monkeypatch.setattr(queue.database, reading, lambda: (boot, now))
    monkeypatch.setattr(queue.database, "machine_clock", lambda: None)


def sql(queue: Queue, text: str) -> list[tuple[Any, ...]]:
    """Run SQL as a stranger to pqkit would, in a transaction of its own. JSON comes as compact text."""
    with queue.engine.begin() as connection:
        result = connection.exec_driver_sql(text)
        return [tuple(map(_as_text, row)) for row in result] if result.returns_rows else []


def _as_text(value: Any) -> Any:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, (dict, list)) else value
