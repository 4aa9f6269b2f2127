"""Events: every state that a job enters and every action, in the order of commits, once somebody watches."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pqkit import Queue, queries
from pqkit.auth import Users
from pqkit.errors import Forbidden
from pqkit.operations import event_recording
from pqkit.queries.event_stream import BEGINNING, BadCursor, Cursor, cursor_of
from pqkit.queue import Leases
from pqkit.security.permissions import Role
from tests.support import PATIENCE, wait_until
from tests.test_access import PASSWORD, login
from tests.verbs import claim_one, complete, fail, sql, wait_out


@pytest.fixture
def watched(queue: Queue) -> Queue:
    event_recording.record(queue.operator(), on=True)
    return queue


def seen(queue: Queue, after: Cursor = BEGINNING) -> list[tuple[str, int | None]]:
    return [(view.event, view.job) for view in queries.stream(queue.database, after)][1:]


def test_a_job_s_whole_life_is_told_in_order(watched: Queue, worker: Leases) -> None:
    watched.enqueue("add", {"a": 1})
    fail(worker, watched, claim_one(worker))
    wait_out(watched, 60)
    complete(worker, watched, claim_one(worker))
    watched.operator("anna").resubmit([1], reason="once more")
    states = ["pending", "processing", "retrying", "pending", "processing", "completed", "pending", "action"]
    assert seen(watched) == [(state, 1) for state in states]
    views = queries.stream(watched.database, BEGINNING)
    assert (views[3].queue, views[3].task, views[3].attempt, views[3].note) == ("default", "add", 1, "ValueError: no")
    assert views[-1].note == "resubmit by anna: once more"
    assert abs(views[-1].at - watched.database.now()) < PATIENCE * 1_000_000


def test_many_at_once_are_told_one_by_one(watched: Queue, worker: Leases) -> None:
    watched.enqueue_many("add", [{"a": n} for n in range(30)])
    claims = worker.exchange([], 30, alone=True).claims
    assert len(claims) == 30
    assert sorted(seen(watched)) == sorted([(state, n) for state in ("pending", "processing") for n in range(1, 31)])


def test_without_a_watch_nothing_is_written(queue: Queue, worker: Leases) -> None:
    queue.enqueue("add")
    complete(worker, queue, claim_one(worker))
    assert sql(queue, "SELECT id FROM event") == []
    event_recording.record(queue.operator(), on=True)
    assert event_recording.is_recording(queue.database)
    event_recording.record(queue.operator(), on=True)
    event_recording.record(queue.operator(), on=False)
    assert not event_recording.is_recording(queue.database)
    before = queries.newest(queue.database)
    queue.enqueue("add")
    assert queries.stream(queue.database, before) == []


def test_what_is_undone_is_not_told(watched: Queue) -> None:
    with watched.session() as session:
        watched.enqueue("add", session=session)
        session.rollback()
    assert seen(watched) == []


def test_a_cursor_misses_nothing_and_repeats_nothing_while_many_write(watched: Queue) -> None:
    writers = [threading.Thread(target=lambda: [watched.enqueue("add") for _ in range(40)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    found: list[int | None] = []
    at = BEGINNING

    def read() -> bool:
        nonlocal at
        for view in queries.stream(watched.database, at, 7):
            found.append(view.job)
            at = cursor_of(str(view.cursor))
        return len(found) > 160

    wait_until(read, what="every event")
    for writer in writers:
        writer.join()
    assert read()
    assert sorted(job for job in found if job) == list(range(1, 161))


def test_an_open_transaction_holds_its_events_back_and_loses_none(watched: Queue) -> None:
    if watched.database.ids_have_gaps:  # where others can write meanwhile
        watched.operator().create_queue("default")
        begun = queries.newest(watched.database)
        with watched.session() as session:
            first = watched.enqueue("add", session=session)
            session.flush()
            second = watched.enqueue("add")
            assert queries.stream(watched.database, begun) == []
            session.commit()
        assert [view.job for view in queries.stream(watched.database, begun)] == [first.id, second.id]


def test_events_are_forgotten_after_a_week_and_cursors_stay_right(
    watched: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.enqueue("add")
    at = queries.newest(watched.database)
    now = watched.database.now()
    monkeypatch.setattr(watched.database, "now", lambda: now + event_recording.KEPT + 60_000_000)
    event_recording.forget_old(watched.database)
    assert sql(watched, "SELECT id FROM event") == []
    watched.enqueue("add")
    assert [view.job for view in queries.stream(watched.database, at)] == [2]


def test_only_an_admin_begins_and_ends_the_recording(queue: Queue) -> None:
    Users(queue.operator()).add("otto", PASSWORD, Role.OPERATOR)
    with pytest.raises(Forbidden):
        event_recording.record(login(queue, "otto").principal.operator(), on=True)
    assert not event_recording.is_recording(queue.database)


@pytest.mark.parametrize("text", ["", "x", "1", "1-2-3", "1-" + "f" * 16, "-1-2"])
@pytest.mark.sqlite
def test_what_is_no_cursor_is_said_so(text: str) -> None:
    with pytest.raises(BadCursor):
        cursor_of(text)


def test_watch_prints_lines_as_they_happen_and_goes_on_behind_a_cursor(queue: Queue, url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pqkit", "--url", url, "watch"]
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        watcher = subprocess.Popen([*command, "--event", "pending"], stdout=out, stderr=err)
    try:
        wait_until(lambda: "recorded from now on" in (tmp_path / "err").read_text(), what="the watch's start")
        queue.enqueue("add", queue="images")
        wait_until(lambda: (tmp_path / "out").read_text().count("\n") == 1, what="the first line")
        (line,) = map(json.loads, (tmp_path / "out").read_text().splitlines())
        assert {"event": "pending", "job": 1, "queue": "images", "task": "add"}.items() <= line.items()
    finally:
        watcher.terminate()
        watcher.wait(PATIENCE)
    queue.operator().cancel([1])
    done = subprocess.run([*command, "--once", "--since", line["cursor"]], capture_output=True, text=True, check=True)
    assert [json.loads(each)["event"] for each in done.stdout.splitlines()] == ["canceled", "action"]
    subprocess.run([*command, "--off"], check=True)
    assert not event_recording.is_recording(queue.database)
