"""A queue is backed up while it is in use, comes back whole, and moves to another database with nothing lost."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pqkit import JobState, Queue, get_queue
from pqkit.audit.rules import MISSING
from pqkit.backup.backup_folder import in_folder, name_for, prune
from pqkit.backup.create import BackupError, back_up, verify
from pqkit.backup.drill import drill
from pqkit.backup.restore import move, restore
from pqkit.backup.scheduled_backups import Schedule
from pqkit.db import connect
from pqkit.errors import Refused
from pqkit.lab import Scratch
from pqkit.lab.experiments.backup_restore import backups
from pqkit.lab.experiments.database_copy import moving
from pqkit.models import metadata
from pqkit.operations import copy_database
from pqkit.operations.copy_database import Copied
from pqkit.queries.audit_history import audit
from pqkit.queue import Leases
from pqkit.settings import Settings
from tests.conftest import a_worker
from tests.support import wait_until
from tests.test_retention import ended
from tests.test_retention import prune as prune_jobs
from tests.verbs import claim_one, complete, fail, sql

pytestmark = pytest.mark.usefixtures("add")


@pytest.fixture
def eventful(queue: Queue, add: Any, worker: Leases) -> Queue:
    """A queue in every state, with keys, lines and numbers that the databases write differently."""
    ended(queue, add, worker, 3)
    queue.enqueue_many("odd", [{"b": 1e300, "a": [1.0, -0.0, 2**62, "é\t"], "n": None, "t": 0.1}])
    queue.enqueue("add", {"a": 1}, delay=60, unique_key="k")
    queue.enqueue("add", {"a": 1}, max_retries=0, queue="sums", priority=5)
    queue.enqueue("add", {"a": 1}, queue="sums", priority=6)
    fail(worker, queue, claim_one(worker), ValueError("no\nluck"))
    fail(worker, queue, claim_one(worker))
    prune_jobs(queue)
    queue.enqueue_many("add", [{"a": n} for n in range(3)])
    queue.operator("ada").cancel([9], reason="why not")
    queue.operator("ada").pause("sums")
    claim_one(worker)
    worker.end("stopped")
    return queue


def moved(source: Queue, target: str) -> Queue:
    """Copy by the command's own way; the new queue."""
    move(source.database, connect(target), lambda *_: None, rescue_after=30)
    return get_queue(target)


def other_kind(queue: Queue, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if queue.database.place is None:
        return f"sqlite:///{tmp_path}/moved.db"
    database = request.getfixturevalue("server").database(template=None)
    url: str = database.__enter__()
    request.addfinalizer(lambda: database.__exit__(None, None, None))
    return url


def test_a_queue_moves_to_the_other_database_and_back_with_nothing_lost(
    eventful: Queue, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    there = moved(eventful, other_kind(eventful, tmp_path, request))
    back = moved(there, f"sqlite:///{tmp_path}/back.db")
    checksum = audit(eventful.database).checksum
    for one in (there, back):
        certificate = audit(one.database)
        assert certificate.checksum == checksum
        assert certificate.clean, certificate.findings
        assert certificate.pruned == 3
    last = sql(eventful, "SELECT max(id) FROM job")[0][0]
    for one in (there, back):
        assert one.enqueue("add", {"a": 1}).id == last + 1, "no id is given twice"
        assert one.operator("ada").cancel([last + 1]).changed
        assert one.enqueue("add", {"a": 1}, unique_key="k").existing
        living = a_worker(one)
        complete(living, one, claim_one(living))
        assert audit(one.database).findings == []
        one.close()


def test_ids_of_pruned_jobs_are_not_given_again(
    queue: Queue, add: Any, worker: Leases, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ended(queue, add, worker, 3)
    prune_jobs(queue)
    worker.end("stopped")
    there = moved(queue, other_kind(queue, tmp_path, request))
    assert there.enqueue("add", {"a": 1}).id == 4
    there.close()


def test_ids_that_no_job_ever_had_are_missed_by_no_audit(queue: Queue, kind: str, tmp_path: Path) -> None:
    """PostgreSQL skips ids when a transaction is rolled back, SQLite does not."""
    queue.enqueue("add", {"a": 1})
    if kind == "postgresql":
        sql(queue, "SELECT nextval(pg_get_serial_sequence('job', 'id'))")
    queue.enqueue("add", {"a": 1})
    there = moved(queue, f"sqlite:///{tmp_path}/copy.db")
    assert audit(there.database).findings == []
    sql(there, "DELETE FROM seal")
    assert {found.rule for found in audit(there.database).findings} == ({MISSING} if kind == "postgresql" else set())
    there.close()


def test_what_comes_back_otherwise_than_it_was_written_is_not_copied(
    eventful: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, calls = copy_database._chunks, iter(range(1_000))

    def corrupt(one: Any, connection: Any) -> Any:
        chunks = list(honest(one, connection))
        return [chunk[:-1] for chunk in chunks] if one.name == "job" and next(calls) % 2 else chunks

    monkeypatch.setattr(copy_database, "_chunks", corrupt)
    with pytest.raises(Refused, match="table job came back otherwise"):
        moved(eventful, f"sqlite:///{tmp_path}/copy.db")
    monkeypatch.undo()
    there = get_queue(f"sqlite:///{tmp_path}/copy.db")
    assert audit(there.database).jobs == 0, "all or nothing"
    there.close()


def test_a_copy_is_refused_while_workers_live_or_jobs_come_in_or_the_target_is_in_use(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    living = a_worker(queue, "w7")
    with pytest.raises(Refused, match=r"is alive: stop its workers first .*w7"):
        moved(queue, f"sqlite:///{tmp_path}/copy.db")
    living.end("stopped")
    honest = copy_database._go_on_counting

    def late(*databases: Any) -> None:
        queue.enqueue("add", {"a": 1})
        honest(*databases)

    monkeypatch.setattr(copy_database, "_go_on_counting", late)
    with pytest.raises(Refused, match="was written to meanwhile"):
        moved(queue, f"sqlite:///{tmp_path}/copy.db")
    monkeypatch.undo()
    moved(queue, f"sqlite:///{tmp_path}/copy.db").close()
    with pytest.raises(Refused, match="is in use already"):
        moved(queue, f"sqlite:///{tmp_path}/copy.db")


def test_the_seals_over_what_operators_did_go_along_and_stay_where_a_copy_is_refused(
    eventful: Queue, tmp_path: Path
) -> None:
    there = moved(eventful, f"sqlite:///{tmp_path}/copy.db")
    (head,) = sql(eventful, "SELECT * FROM trail")
    assert head[1] > 0
    assert sql(there, "SELECT * FROM trail") == [head]
    sql(there, "UPDATE trail SET actions = 0")
    with pytest.raises(Refused, match="is in use already"):
        moved(eventful, f"sqlite:///{tmp_path}/copy.db")
    assert len(sql(there, "SELECT * FROM trail")) == 1
    there.close()


def test_the_comparison_of_a_copy_knows_every_table(eventful: Queue, tmp_path: Path) -> None:
    copied: Copied = copy_database.copy(eventful.database, connect(f"sqlite:///{tmp_path}/copy.db"))
    assert set(copied.rows) == set(copied.checksums) == {one.name for one in metadata.sorted_tables}
    assert copied.rows["job"] == 7


def test_json_is_the_same_however_a_database_writes_it() -> None:
    assert copy_database._plain('{"b":1e300,"a":-0.0}') == copy_database._plain('{"a": 0, "b": 1' + "0" * 300 + "}")
    assert copy_database._plain('{"a":9007199254740993}') != copy_database._plain('{"a":9007199254740992}')
    assert copy_database._plain("[0.1]") != copy_database._plain("[0.10000000001]")


def test_backups_under_load_come_back_whole(place: Scratch) -> None:
    """The short form of `pqkit lab backups`."""
    result = backups(place, 2)
    assert result.findings == []
    assert result.numbers["jobs"]


@pytest.mark.sqlite
def test_a_backup_that_lacks_a_job_is_found(place: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pqkit.lab.experiments.backup_restore.ids_among", lambda _database, told: told[1:])
    monkeypatch.setattr("pqkit.lab.experiments.backup_restore.BACKLOG", 100)
    words = [found.words for found in backups(place, 2).findings]
    assert any("lacks 1 jobs acknowledged" in line for line in words), words


def test_a_queue_in_every_state_moves_there_and_back(place: Scratch) -> None:
    """The short form of `pqkit lab moving`."""
    result = moving(place._replace(beside=place.url), 400)
    assert result.findings == []
    states = result.numbers["states"]
    assert isinstance(states, dict)
    assert all(states.values()), states


@pytest.mark.sqlite
def test_a_move_that_changes_a_thing_is_found(place: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = copy_database.copy

    def copy(source: Any, target: Any, *rest: Any, **options: Any) -> Copied:
        copied = honest(source, target, *rest, **options)
        with target.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE closed SET finished_at = finished_at + 1 WHERE job_id % 7 = 0")
        return copied

    monkeypatch.setattr("pqkit.backup.restore.copy", copy)
    assert {found.words for found in moving(place, 200).findings} >= {"the audits see different things"}


@pytest.mark.sqlite
@pytest.mark.parametrize("harm", ["a page", "a place", "the schema"])
def test_a_backup_that_is_not_whole_is_refused(queue: Queue, tmp_path: Path, harm: str) -> None:
    queue.enqueue_many("add", [{"a": 10**15}] * 4_000)
    file = back_up(queue.database, tmp_path / "copy.db").path
    match harm:
        case "a page":
            held = file.read_bytes()
            file.write_bytes(held[:20_000] + b"\0" * 4_096 + held[24_096:])
        case "a place":
            with sqlite3.connect(file) as connection:
                connection.execute("DELETE FROM ready WHERE job_id = 5")
        case "the schema":
            file.write_bytes(b"no database at all")
    with pytest.raises(BackupError):
        restore(file, connect(f"sqlite:///{tmp_path}/new.db"), rescue_after=30)
    assert not (tmp_path / "new.db").exists()
    assert [path.name for path in tmp_path.glob(".*")] == []


@pytest.mark.parametrize("table", ["job", '"JOB"', "[Job]"])
def test_a_backup_with_a_trigger_that_is_not_ours_is_refused(tmp_path: Path, table: str) -> None:
    """It would act unseen, with the rights of whoever enqueues."""
    source = get_queue(f"sqlite:///{tmp_path / 'source.db'}")
    source.enqueue("t")
    with closing(sqlite3.connect(tmp_path / "source.db")) as other:
        other.executescript("CREATE TABLE mine (n); CREATE TRIGGER fine AFTER INSERT ON mine BEGIN SELECT 1; END")
        assert source.database.integrity() == []
        other.executescript(
            f"CREATE TRIGGER z AFTER INSERT ON {table} BEGIN UPDATE account SET role = 'admin'; END",
        )
    with pytest.raises(BackupError, match=r"z is no trigger of pqkit's on (?i:job)"):
        restore(tmp_path / "source.db", connect(f"sqlite:///{tmp_path / 'there.db'}"), rescue_after=30)
    assert not (tmp_path / "there.db").exists()


def test_a_restored_queue_goes_on_and_what_ran_is_rescued(queue: Queue, another_url: str, tmp_path: Path) -> None:
    living = a_worker(queue)
    running, waiting = queue.enqueue("add", {"a": 1}), queue.enqueue("add", {"a": 2})
    assert claim_one(living).job_id == running.id
    file = back_up(queue.database, tmp_path / "copy.db").path
    found = restore(file, connect(another_url), rescue_after=30)
    assert (found.jobs, found.path) == (2, file)
    there = get_queue(another_url)
    sql(there, "UPDATE worker SET machine_at = NULL, beat = 0, boot_id = 'before'")
    there.upkeep().rescue(30)
    again = a_worker(there)
    assert [complete(again, there, claim_one(again)) for _ in range(2)] == [True, True]
    assert there.state(waiting.id) is JobState.COMPLETED
    assert audit(there.database).findings == []
    (verb, detail) = sql(there, "SELECT verb, detail FROM action")[0]
    assert (verb, json.loads(detail)["jobs"]) == ("restore", 2)
    there.close()


def test_a_living_queue_is_not_overwritten(queue: Queue, tmp_path: Path) -> None:
    file = back_up(queue.database, tmp_path / "copy.db").path
    living = a_worker(queue)
    for replace in (False, True):
        with pytest.raises(Refused, match="is alive"):
            restore(file, queue.database, rescue_after=30, replace=replace)
    living.end("stopped")
    queue.enqueue("add", {"a": 1})
    with pytest.raises(Refused):
        restore(file, queue.database, rescue_after=30)


@pytest.mark.sqlite
def test_a_dead_queue_is_moved_aside_and_not_deleted(queue: Queue, tmp_path: Path) -> None:
    first = queue.enqueue("add", {"a": 1})
    file = back_up(queue.database, tmp_path / "copy.db").path
    queue.enqueue("add", {"a": 1})
    code = "import sys, time; from pqkit import get_queue; q = get_queue(sys.argv[1]); q.state(1); print(1, flush=True)"
    user = subprocess.Popen(
        [sys.executable, "-c", f"{code}; time.sleep(600)", queue.database.url], stdout=subprocess.PIPE
    )
    try:
        assert user.stdout
        user.stdout.readline()
        with pytest.raises(Refused, match=f"in use by process {user.pid}"):
            restore(file, queue.database, rescue_after=30, replace=True)
    finally:
        user.kill()
        user.wait()
    restore(file, queue.database, rescue_after=30, replace=True)
    assert [job for (job,) in sql(queue, "SELECT id FROM job")] == [first.id]
    (old,) = (path for path in queue.database.path.parent.glob("*.before-*") if path.suffix != ".db-wal")  # type: ignore[attr-defined]
    assert verify(old).jobs == 2


def test_a_drill_says_what_would_be_lost(queue: Queue, tmp_path: Path) -> None:
    queue.enqueue_many("add", [{"a": 1}] * 3)
    file = back_up(queue.database, tmp_path / name_for(0)).path
    living = a_worker(queue)
    queue.enqueue("add", {"a": 1})
    complete(living, queue, claim_one(living))
    queue.operator("ada").pause("default")
    found = drill(queue.database, None, tmp_path)
    assert (found.backup.path, found.fresh, found.backup.jobs) == (file, False, 3)
    assert found.lost == (1, 1, 1)
    assert found.window > 0
    fresh = drill(queue.database, None, None)
    assert (fresh.fresh, fresh.backup.jobs, fresh.lost) == (True, 4, (0, 0, 0))


@pytest.mark.sqlite
def test_backups_are_made_by_schedule_and_the_oldest_leave(
    queue: Queue, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue.enqueue("add", {"a": 1})
    folder = tmp_path / "backups"
    schedule = Schedule(Settings(url=url, backups=folder, backup_every=1, backup_keep=2))
    finish(schedule)
    (first,) = in_folder(folder)
    assert verify(first).jobs == 1
    assert "backed up" in capsys.readouterr().out
    schedule.step(time.monotonic() + 120)
    assert schedule._child is None, "the last one is young"
    hours = [first.rename(folder / name_for(time.time() - 7_200))]
    hours.append(folder / name_for(time.time() - 9_000))
    hours[1].write_bytes(hours[0].read_bytes())
    finish(schedule)
    assert in_folder(folder)[0].name == hours[0].name
    assert len(in_folder(folder)) == 2


def finish(schedule: Schedule) -> None:
    """Let the backup begin that is due, and end."""
    schedule._next = 0.0
    schedule.step(time.monotonic())
    assert schedule._child is not None

    def ended() -> bool:
        schedule.step(time.monotonic())
        return schedule._child is None

    wait_until(ended, what="the backup's end")


@pytest.mark.sqlite
def test_a_backup_that_fails_is_said_and_tried_again(
    queue: Queue, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = Schedule(Settings(url=f"sqlite:///{tmp_path}/nowhere.db", backups=tmp_path / "backups"))
    finish(schedule)
    assert "the backup failed" in capsys.readouterr().out
    assert in_folder(tmp_path / "backups") == []


def test_only_backups_leave_a_folder_of_backups(tmp_path: Path) -> None:
    names = [name_for(hour * 3_600) for hour in range(5)]
    for name in (*names, "notes.txt", "pqkit-precious.db"):
        (tmp_path / name).write_text("x")
    half = tmp_path / f".{names[0]}.part"
    half.write_text("x")
    os.utime(half, (0, 0))
    assert [path.name for path in prune(tmp_path, 2)] == names[:3]
    assert {path.name for path in tmp_path.iterdir()} == {*names[3:], "notes.txt", "pqkit-precious.db"}
