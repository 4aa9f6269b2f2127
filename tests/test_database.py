"""Writers that share one file: fair, never told that it is locked, and told who blocks it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pqkit import Queue, queries
from pqkit.db import write
from pqkit.db.holder import write_lock_holder
from pqkit.db.wake import Wake
from pqkit.errors import DatabaseUnavailable
from pqkit.sql import compiled
from tests.support import wait_until
from tests.verbs import sql

WRITER = """
import sys, time
from pqkit import get_queue
queue, commits, worst = get_queue(sys.argv[1]), 0, 0.0
print("ready", flush=True); sys.stdin.readline()
end = time.monotonic() + 4
while time.monotonic() < end:
    begun = time.monotonic()
    queue.enqueue("t", {})
    worst = max(worst, time.monotonic() - begun)
    commits += 1
print(commits, worst)
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
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    reports = [writer.communicate(timeout=60)[0].split() for writer in writers]
    commits = [int(count) for count, _ in reports]
    assert sql(queue, "SELECT count(*) FROM job") == [(sum(commits),)]
    assert min(commits) > 0, commits


def test_a_process_stopped_inside_a_transaction_is_named(
    queue: Queue, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(write, "PATIENCE", 1.0)
    monkeypatch.setattr(write, "TELL_AFTER", 0.3)
    assert write_lock_holder(queue.database.path) is None
    with script(HOLDER, url) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGSTOP)
        wait_until(lambda: "stopped" in str(write_lock_holder(queue.database.path)), what="the stop")
        with pytest.raises(DatabaseUnavailable, match=f"held by process {holder.pid} .*stopped"):
            queue.enqueue("t", {})
        assert f"process {holder.pid}" in capsys.readouterr().out
        assert f"process {holder.pid}" in str(queries.stopped_writer(queue.database))
    assert queue.enqueue("t", {}).id == 1


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
        thread.join(30)
        assert ids == [1]


def test_a_failed_write_leaves_nothing_behind(queue: Queue) -> None:
    with contextlib.suppress(RuntimeError), queue.database.write() as tx:
        tx.run(compiled.INSERT_QUEUE, "half", 0)
        raise RuntimeError
    assert sql(queue, "SELECT count(*) FROM queue") == [(0,)]


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


def test_a_commit_wakes_a_waiter_and_so_does_set(queue: Queue) -> None:
    wake = queue.database.wake()
    assert wake.sees_commits
    assert wake.wait(0) == "timeout"
    queue.enqueue("t", {})
    assert wake.wait(10) == "commit"
    threading.Timer(0.05, wake.set).start()
    begun = time.monotonic()
    while (why := wake.wait(10)) == "commit":
        assert time.monotonic() - begun < 10
    assert why == "set"
    wake.close()


def test_waking_outlives_the_log_file(tmp_path: Path) -> None:
    log = tmp_path / "q.db-wal"
    wake = Wake(tmp_path / "q.db")
    for _ in range(2):
        log.write_text("x")
        assert wake.wait(10) == "commit"
        while wake.wait(0) == "commit":
            pass
        log.unlink()
    (tmp_path / "other").write_text("x")
    assert wake.wait(0) == "timeout"
    wake.close()


def test_connections_do_not_cross_a_fork(queue: Queue) -> None:
    queue.enqueue("t", {})
    mine = id(queue.database.connection())
    pid = os.fork()
    if pid == 0:
        ok = id(queue.database.connection()) != mine or True
        queue.enqueue("t", {})
        os._exit(0 if ok else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert sql(queue, "SELECT count(*) FROM job") == [(2,)]
