"""A worker that cannot do maintenance leaves it to others, and one duty that fails takes no other along."""

import resource
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from pqkit import JobState, Queue, queries
from pqkit.cli.doctor.queue_checks import _maintenance
from pqkit.db import system_clock as db_clock
from pqkit.errors import DatabaseUnavailable
from pqkit.maintenance.duties import REST, VACANT
from pqkit.maintenance.runner import Maintainer
from pqkit.queue import Leases
from pqkit.settings import load
from tests.conftest import a_worker
from tests.support import PATIENCE
from tests.verbs import SECOND, claim_one, set_lease_clock, sql

pytestmark = pytest.mark.usefixtures("add")


class Clock:
    """The lease clock and the maintainers' ticks, passed in together."""

    def __init__(self, queue: Queue, patch: pytest.MonkeyPatch) -> None:
        (self._boot, self._begun), self._queue, self._patch, self._at = queue.database.lease_clock(), queue, patch, 0.0
        self._wall = queue.database.now()

    def tick(self, seconds: float, *maintainers: Maintainer) -> None:
        end = self._at + seconds
        while self._at < end:
            self._at += 0.5
            set_lease_clock(self._patch, self._queue, self._boot, self._begun + round(self._at * SECOND))
            now = self._wall + round(self._at * SECOND)
            self._patch.setattr(self._queue.database, "now", lambda now=now: now)
            for maintainer in maintainers:
                maintainer.tick(100 + self._at)


@pytest.fixture
def clock(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(queue, monkeypatch)


def fails(*_: object, **__: object) -> Any:
    raise MemoryError("no memory")


def pair(queue: Queue, worker: Leases) -> tuple[Maintainer, Maintainer]:
    one, two = (Maintainer(queue.database, each.id, load()) for each in (worker, a_worker(queue, "w2")))
    return one, two


def test_a_worker_that_cannot_rescue_leaves_maintenance_to_another(
    queue: Queue, worker: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    ill, well = pair(queue, worker)
    clock.tick(1, ill, well)
    assert ill._on_duty
    monkeypatch.setattr(ill._upkeep, "rescue", fails)
    job, dead = queue.enqueue("add", {"a": 1}), a_worker(queue, "w3")
    claim_one(dead)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {dead.id}")
    clock.tick(8, ill, well)
    assert (ill._on_duty, well._on_duty) == (False, True)
    assert job.state is JobState.PENDING
    clock.tick(REST / 4, ill, well)
    assert well._on_duty
    said = capsys.readouterr().out
    assert said.count("gave maintenance up") == said.count("a maintenance duty failed") == 1
    assert [(one.worker, one.duty, one.resigned) for one in queries.failing_duties(queue.database)] == [
        ("w1", "rescue", True)
    ]
    (found,) = _maintenance(queue.database)
    assert (found[1], "rescue fails on w1: MemoryError: no memory" in found[2]) == ("warn", True)


def test_where_all_are_ill_the_duty_comes_to_rest_with_one(
    queue: Queue, worker: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = pair(queue, worker)
    for each in both:
        monkeypatch.setattr(each._upkeep, "stage", fails)
        monkeypatch.setattr(each, "_is_past", lambda _: True)
    clock.tick(10 + VACANT, *both)
    holders = set()
    for _ in range(10):
        clock.tick(2, *both)
        holders.add(tuple(each._on_duty for each in both))
    assert len(holders) == 1
    assert sum(next(iter(holders))) == 1


def test_a_duty_that_saves_nobody_moves_nothing(
    queue: Queue, add: Any, worker: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair(queue, worker)
    monkeypatch.setattr(one._ticker, "tick", fails)
    monkeypatch.setattr(one, "_is_past", lambda _: True)
    clock.tick(10, one, two)
    assert one._on_duty
    job, dead = queue.enqueue(add, {"a": 1}), a_worker(queue, "w3")
    claim_one(dead)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {dead.id}")
    clock.tick(2, one, two)
    assert job.state is JobState.PENDING
    assert [one.duty for one in queries.failing_duties(queue.database)] == ["schedules"]
    monkeypatch.undo()
    one._duties[4].run_if_due(0)
    clock._patch = monkeypatch
    clock.tick(1, one, two)
    assert queries.failing_duties(queue.database) == []


def test_a_database_that_was_away_for_a_while_makes_nobody_rest(
    queue: Queue, worker: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair(queue, worker)
    clock.tick(1, one, two)

    def away(*_: object, **__: object) -> Any:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patch:
        for name in ("read", "row", "rows", "write", "write_one"):
            patch.setattr(queue.database, name, away)
        clock.tick(10, one, two)
    clock.tick(2, one, two)
    assert one._on_duty or two._on_duty


@pytest.mark.sqlite
def test_whoever_reads_another_time_than_all_others_leaves_staging_to_them(
    queue: Queue, worker: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair(queue, worker)
    third = a_worker(queue, "w3")
    clock.tick(1, one, two)
    ahead = queue.database.now() - queue.database.lease_clock()[1]
    sql(queue, f"UPDATE worker SET heartbeat_at = beat + {ahead + 3600 * SECOND} WHERE id <> {worker.id}")
    assert third.id
    monkeypatch.setattr(two._upkeep, "clock_off", lambda _: 0.0)
    clock.tick(6, one, two)
    assert (one._on_duty, two._on_duty) == (False, True)


@pytest.mark.sqlite
@pytest.mark.parametrize("wrong", ["this one", "the other"])
def test_of_two_workers_that_read_different_times_the_kernel_says_which_is_wrong(
    queue: Queue, worker: Leases, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    a_worker(queue, "w2")
    ahead = queue.database.now() - queue.database.lease_clock()[1] + 3600 * SECOND
    sql(queue, f"UPDATE worker SET heartbeat_at = beat + {ahead} WHERE id <> {worker.id}")
    kernel = queue.database.now() + (3600 * SECOND if wrong == "this one" else 0)
    monkeypatch.setattr("pqkit.db.system_clock.kernel_wall", lambda: kernel)
    assert round(queue.upkeep().clock_off(worker.id)) == (-3600 if wrong == "this one" else 0)


@pytest.mark.skipif(sys.platform != "linux", reason="it is of /proc")
def test_the_kernel_tells_the_time_in_files_too() -> None:
    told = db_clock.kernel_wall()
    assert told is not None
    assert abs(told - db_clock.wall()) < 60 * SECOND


def test_a_disk_that_blocks_holds_up_no_rescue(
    queue: Queue, add: Any, worker: Leases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = pair(queue, worker)
    gate = threading.Event()
    monkeypatch.setattr(one._retention, "step", lambda _: gate.wait(PATIENCE))
    monkeypatch.setattr(one._backups, "step", lambda _: gate.wait(PATIENCE))
    monkeypatch.setattr(one, "_finish_files", lambda: gate.wait(PATIENCE))
    clock.tick(2, one, two)
    job, dead = queue.enqueue(add, {"a": 1}), a_worker(queue, "w3")
    claim_one(dead)
    sql(queue, f"UPDATE worker SET process_start = 1 WHERE id = {dead.id}")
    clock.tick(2, one, two)
    gate.set()
    assert job.state is JobState.PENDING


@pytest.mark.sqlite
@pytest.mark.skipif(sys.platform != "linux", reason="what is looked at is /proc")
def test_a_process_that_may_open_no_more_files_declares_nobody_dead(queue: Queue, add: Any, worker: Leases) -> None:
    job, living = queue.enqueue(add, {"a": 1}), a_worker(queue, "w2")
    claim_one(living)
    upkeep = queue.upkeep()
    upkeep.rescue(None)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            upkeep.rescue(None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert job.state is JobState.PROCESSING


LATE_IMPORTS = """
import sys, time
import pqkit.worker.process
from pqkit.maintenance.runner import Maintainer
from pqkit.queue import get_queue
from pqkit.settings import load
queue = get_queue(sys.argv[1])
one, dead = queue.leases("w1", 1, ["t"]), queue.leases("w2", 1, ["t"])
one.register(), dead.register()
queue.enqueue("t", {})
assert dead.exchange([], 1, alone=True).claims
maintainer = Maintainer(queue.database, one.id, load())
known = set(sys.modules)
with queue.database.write() as tx:
    tx.cursor.execute(f"UPDATE worker SET process_start = 1 WHERE id = {dead.id}")
maintainer.tick(100)
assert queue.job(1).state == "pending"
print(sorted(name for name in set(sys.modules) - known))
"""


@pytest.mark.sqlite
def test_a_rescue_imports_nothing(url: str) -> None:
    """Where the memory is used up, nothing can be imported any more."""
    done = subprocess.run(
        [sys.executable, "-c", LATE_IMPORTS, url], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]", time.monotonic()
