"""Writers that share one file: fair, never told that it is locked, and told who blocks it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pqkit import Queue, queries
from pqkit.db.sqlite import commit_watcher as wake_module
from pqkit.db.sqlite import lock_holder as holders
from pqkit.db.sqlite import write_lock
from pqkit.db.sqlite.commit_watcher import LogWake
from pqkit.db.sqlite.lock_holder import write_lock_holder
from pqkit.errors import DatabaseUnavailable
from pqkit.sql import compiled
from tests.support import PATIENCE, wait_until
from tests.verbs import sql

ENOUGH = 20
WRITER = f"""
import select, sys
from pqkit import get_queue
queue, commits = get_queue(sys.argv[1]), 0
while not select.select([sys.stdin], [], [], 0)[0]:
    queue.enqueue("t", {{}})
    commits += 1
    if commits == {ENOUGH}:
        print("enough", flush=True)
print(commits)
"""
HOLDER = """
import sys
from pqkit import get_queue
with get_queue(sys.argv[1]).database.write():
    print("held", flush=True); sys.stdin.readline()
"""


@contextmanager
def script(text: str, url: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", text, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_ten_writing_processes_see_no_lock_error_and_none_starves(queue: Queue, url: str) -> None:
    """They all write on until the slowest has had enough turns."""
    with ExitStack() as ended:
        writers = [ended.enter_context(script(WRITER, url)) for _ in range(10)]
        for writer in writers:
            assert writer.stdout
            assert writer.stdout.readline() == "enough\n"
        commits = [int(writer.communicate("stop\n", timeout=PATIENCE)[0]) for writer in writers]
    assert sql(queue, "SELECT count(*) FROM job") == [(sum(commits),)]
    assert min(commits) >= ENOUGH


@pytest.mark.sqlite
def test_a_process_stopped_inside_a_transaction_is_named(
    queue: Queue, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(write_lock, "PATIENCE", 2.0)
    monkeypatch.setattr(write_lock, "TELL_AFTER", 0.01)
    assert write_lock_holder(queue.database.path) is None
    with script(HOLDER, url) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGSTOP)
        wait_until(lambda: "stopped" in str(write_lock_holder(queue.database.path)), what="the stop")
        with pytest.raises(DatabaseUnavailable, match=f"held by process {holder.pid} .*stopped"):
            queue.enqueue("t", {})
        assert f"process {holder.pid}" in capsys.readouterr().out
        assert f"process {holder.pid}" in str(queries.obstacle(queue.database))
    assert queue.enqueue("t", {}).id == 1


@pytest.mark.sqlite
def test_a_holder_that_the_systems_list_misses_at_first_is_named(
    queue: Queue, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with script(HOLDER, url) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        whole, answers = holders._locks, iter(["", ""])
        monkeypatch.setattr(holders, "_locks", lambda: next(answers, None) or whole())
        found = write_lock_holder(queue.database.path)
    assert found
    assert found.pid == process.pid


@pytest.mark.sqlite
def test_a_write_waits_for_the_one_before_it(queue: Queue, url: str) -> None:
    with script(HOLDER, url) as holder:
        assert holder.stdout
        assert holder.stdin
        holder.stdout.readline()
        ids: list[int] = []
        thread = threading.Thread(target=lambda: ids.append(queue.enqueue("t", {}).id))
        thread.start()
        wait_until(lambda: write_lock_holder(queue.database.path), what="the holder")
        assert ids == []
        holder.stdin.write("go\n")
        holder.stdin.flush()
        thread.join(PATIENCE)
        assert ids == [1]


def test_a_failed_write_leaves_nothing_behind(queue: Queue) -> None:
    with contextlib.suppress(RuntimeError), queue.database.write() as tx:
        tx.run(compiled.INSERT_QUEUE, "half", 0)
        raise RuntimeError
    assert sql(queue, "SELECT count(*) FROM queue") == [(0,)]


@pytest.mark.sqlite
def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(queue: Queue) -> None:
    kept = queue.enqueue("t", {}).id
    connection = queue.database.connection()
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DatabaseUnavailable, match="full"):
        queue.enqueue_many("t", [{"text": "x" * 2_000}] * 100)
    connection.execute("PRAGMA max_page_count=1000000")
    assert sql(queue, "SELECT id FROM job") == [(kept,)]
    assert queue.enqueue("t", {}).id > kept


def test_new_work_wakes_a_waiter_and_so_does_set(queue: Queue) -> None:
    wake = queue.database.wake()
    while wake.wait(2) != "timeout":
        pass  # who begins to listen is told once, for what came before
    queue.enqueue("t", {})
    assert wake.wait(PATIENCE) == "commit"
    threading.Timer(0.05, wake.set).start()
    while (why := wake.wait(PATIENCE)) == "commit":
        pass  # one commit changes the log more than once
    assert why == "set"
    wake.close()


def test_a_waiter_is_told_of_a_commit_that_can_be_seen(queue: Queue) -> None:
    wake, version = queue.database.wake(), queue.database.data_version
    for _ in range(20):
        seen = version()
        producer = threading.Thread(target=queue.enqueue, args=("t", {}))
        producer.start()
        before = sql(queue, "SELECT count(*) FROM job")
        while wake.wait_for_commit(PATIENCE, version, seen) != "commit":
            pass
        assert sql(queue, "SELECT count(*) FROM job") >= before
        assert version() != seen
        producer.join()
    wake.close()


def test_a_commit_before_the_wait_began_is_not_slept_through(queue: Queue) -> None:
    wake, version = queue.database.wake(), queue.database.data_version
    seen = version()
    sql(queue, "INSERT INTO queue (name, created_at) VALUES ('q', 0)")
    while wake.wait(0) == "commit":
        pass  # its event has come and gone
    assert wake.wait_for_commit(PATIENCE, version, seen) == "commit"
    wake.close()


@pytest.mark.sqlite
def test_without_inotify_the_version_is_looked_at(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wake_module, "_watch", lambda _folder: None)
    wake, version = queue.database.wake(), queue.database.data_version
    assert not wake.sees_commits
    seen = version()
    assert wake.wait_for_commit(0.01, version, seen) == "timeout"
    threading.Timer(0.05, queue.enqueue, ("t", {})).start()
    assert wake.wait_for_commit(PATIENCE, version, seen) == "commit"
    wake.set()
    assert wake.wait_for_commit(PATIENCE, version, version()) == "set"
    wake.close()


def test_waking_outlives_the_log_file(tmp_path: Path) -> None:
    log = tmp_path / "q.db-wal"
    wake = LogWake(tmp_path / "q.db")
    for _ in range(2):
        log.write_text("x")
        assert wake.wait(PATIENCE) == "commit"
        while wake.wait(0) == "commit":
            pass
        log.unlink()
    (tmp_path / "other").write_text("x")
    assert wake.wait(0) == "timeout"
    wake.close()


def test_connections_do_not_cross_a_fork(queue: Queue) -> None:
    queue.enqueue("t", {})
    mine = connection_of(queue)
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):  # nothing of this fork may go on into the other tests
            queue.enqueue("t", {})
            os._exit(0 if connection_of(queue) != mine else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    if queue.database.place is None:
        assert connection_of(queue) == mine, "the child has not closed it"
    assert sql(queue, "SELECT count(*) FROM job") == [(2,)]


def connection_of(queue: Queue) -> tuple[int, int]:
    """What tells the kept connection from another."""
    with queue.database.write() as tx:
        raw = tx.cursor.connection
        return (raw.info.backend_pid, 0) if hasattr(raw, "info") else (raw.pid, id(raw))
