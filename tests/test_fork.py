"""A process that forks while its queue is open: what either side is told is queued stays queued, whoever ends first."""

import asyncio
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen, run

import pytest

from pqkit.db import fork_safety
from pqkit.errors import DatabaseUnavailable, ForkedWhileOpen
from pqkit.lab import Scratch
from pqkit.lab.experiments.forks import IN_HANDLERS, Families, Plan
from pqkit.lab.experiments.forks import forks as experiment
from pqkit.lab.harness.fleet import LEDGER, Fleet, carrying
from pqkit.lab.harness.forking_producer import WAYS
from pqkit.lab.harness.ledger import read_diaries
from pqkit.queue import Queue, get_queue
from tests.support import wait_until
from tests.verbs import sql

JOBS = 12


def family(url: str, way: str, first: str, folder: Path, fault: str = "") -> None:
    """Have a family queue its jobs, to its last member's end."""
    mark = str(folder / "mark")
    environment = {**os.environ, "PQKIT_URL": url, LEDGER: mark, **({"PQKIT_LAB_FAULT": fault} if fault else {})}
    command = [sys.executable, "-m", "pqkit.lab.harness.forking_producer", way, first, str(folder), str(JOBS)]
    assert run(command, env=environment, check=False).returncode == 0
    wait_until(lambda: not carrying(LEDGER, mark), what="the end of the family")


def in_child(act: Callable[[], object]) -> int:
    """Fork, act, and end without going on into the other tests; the exit code: 0, or 1 where it raised."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        with suppress(BaseException):
            act()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@contextmanager
def busy(queue: Queue, holding: Callable[[], object]) -> Iterator[None]:
    """Another thread is in the midst of a write transaction until ``holding`` returns."""
    begun = threading.Event()

    def hold() -> None:
        with queue.database.write():
            begun.set()
            holding()

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait()
    yield
    thread.join()


@pytest.mark.fault
@pytest.mark.parametrize("first", ["parent", "child"])
def test_nothing_is_lost_however_a_process_forks_and_whoever_ends_first(url: str, tmp_path: Path, first: str) -> None:
    get_queue(url).close()
    for way in WAYS:
        family(url, way, first, tmp_path)
    told = read_diaries(tmp_path.glob("told-*"))
    queue = get_queue(url)
    there = {job for (job,) in sql(queue, "SELECT id FROM job")}
    assert set(told.ids) == there
    assert len(told.ids) == len(there)
    assert told.unanswered == []
    queue.close()


@pytest.mark.fault
@pytest.mark.sqlite
def test_the_same_with_connections_that_are_carried_over_loses_jobs(url: str, tmp_path: Path) -> None:
    get_queue(url).close()
    family(url, "fork", "parent", tmp_path, fault="carried")
    told = read_diaries(tmp_path.glob("told-*"))
    queue = get_queue(url)
    assert len({job for (job,) in sql(queue, "SELECT id FROM job")} & set(told.ids)) < len(told.ids)
    queue.close()


@pytest.mark.fault
def test_a_storm_of_forks_and_kills_loses_nothing(place: Scratch) -> None:
    result = experiment(place, Plan(jobs=120, each=12, workers=1, at_once=2, kills=4))
    assert result.findings == [], result.smallest
    assert result.numbers["kills"]


@pytest.mark.sqlite
def test_what_a_handler_leaves_in_its_worker_is_of_no_family(place: Scratch) -> None:
    """As the resource tracker of multiprocessing, which lives as long as the worker."""
    with Fleet(place) as fleet:
        families = Families(Plan(), fleet)
        with Popen([sys.executable, "-c", "input()"], env={**os.environ, **fleet.environment}, stdin=PIPE) as tracker:
            wait_until(lambda: families.forked() == [tracker.pid], what="the process")
            assert families.living() == []
            tracker.kill()


@pytest.mark.sqlite
def test_a_family_that_neither_works_nor_ends_is_named_and_not_taken_for_jobs_that_are_lost(
    place: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pqkit.lab.experiments.forks.CALM", 0.5)
    monkeypatch.setattr("pqkit.lab.experiments.forks.COMMAND", ["-c", "import signal; signal.pause()"])
    result = experiment(place, Plan(jobs=24, each=12, kills=0))
    assert [found.rule for found in result.findings] == ["in time"]
    assert "number 1 (fork, the parent ends first) did not end" in result.findings[0].words


def test_a_fork_amid_the_commit_of_another_thread_waits_for_it(queue: Queue) -> None:
    release = threading.Event()
    threading.Timer(0.2, release.set).start()
    with busy(queue, release.wait):
        assert in_child(partial(queue.enqueue, "child")) == 0
    assert sql(queue, "SELECT task FROM job") == [("child",)]


@pytest.mark.sqlite
def test_where_a_transaction_of_another_thread_has_no_end_the_child_is_refused(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pqkit.db.sqlite.open_connections.PATIENCE", 0.1)
    monkeypatch.setattr("pqkit.db.sqlite.open_connections.SHORTLY", 0.05)
    over = threading.Event()

    def refused() -> None:
        with pytest.raises(ForkedWhileOpen):
            queue.enqueue("child")
        with pytest.raises(ForkedWhileOpen):
            get_queue(queue.database.url, durability="normal")

    with busy(queue, over.wait):
        assert in_child(refused) == 0
        over.set()
    queue.enqueue("parent")
    assert sql(queue, "SELECT task FROM job") == [("parent",)]


def test_a_transaction_that_crosses_a_fork_is_its_parents(queue: Queue) -> None:
    """The child can neither commit nor undo it, and does not spoil it by its own end."""
    with queue.session() as session, suppress(BaseException):
        queue.enqueue("joined", session=session)
        assert in_child(session.commit) == 1
        assert in_child(session.rollback) in {0, 1}
        assert in_child(session.close) in {0, 1}
        session.commit()
    with queue.database.write() as tx:
        tx.cursor.execute("INSERT INTO queue (name, created_at) VALUES ('x', 0)")
        assert in_child(lambda: tx.cursor.execute("DELETE FROM job")) == 1
    assert sql(queue, "SELECT task FROM job") == [("joined",)]
    assert sql(queue, "SELECT name FROM queue WHERE name = 'x'") == [("x",)]


def test_a_commit_in_a_child_is_no_acknowledgement(queue: Queue) -> None:
    def inherited() -> None:
        with pytest.raises((ForkedWhileOpen, DatabaseUnavailable)):
            write.__exit__(None, None, None)

    write = queue.database.write()
    write.__enter__()
    assert in_child(inherited) == 0
    write.__exit__(None, None, None)


def test_coroutines_of_a_child_get_their_answers(queue: Queue) -> None:
    asyncio.run(queue.enqueue_async("parent"))
    assert in_child(lambda: asyncio.run(asyncio.wait_for(queue.enqueue_async("child"), 30))) == 0
    asyncio.run(queue.enqueue_async("parent"))
    assert sql(queue, "SELECT task FROM job ORDER BY id") == [("parent",), ("child",), ("parent",)]


def test_a_child_that_closes_the_queue_leaves_the_parent_its_own(queue: Queue) -> None:
    queue.enqueue("before")
    with queue.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert in_child(queue.close) == 0
    with queue.database.listen():
        assert in_child(queue.close) == 0
    queue.enqueue("after")
    assert sql(queue, "SELECT task FROM job ORDER BY id") == [("before",), ("after",)]


def test_locks_that_other_threads_hold_are_free_in_a_child(queue: Queue) -> None:
    """As those of a connection that is just opened, of a group commit, of a listener."""
    mutex = fork_safety.Mutex()
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with mutex, queue.database._mutex, queue._group._mutex, queue._later._mutex:
            held.set()
            over.wait()

    def use_all() -> None:
        with mutex:
            queue.enqueue("child")
        asyncio.run(asyncio.wait_for(queue.enqueue_async("child"), 30))
        queue.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        assert in_child(use_all) == 0
    finally:
        over.set()
        thread.join()


@pytest.mark.fault
def test_handlers_may_fork_and_their_children_may_queue(place: Scratch) -> None:
    with Fleet(place) as fleet:
        fleet.worker()
        jobs = [fleet.queue.enqueue("lab.fork", {"way": way, "folder": str(place.folder)}) for way in IN_HANDLERS]
        wait_until(lambda: all(job.state.final for job in jobs), what="the end of handlers that fork")
        assert [job.state for job in jobs] == ["completed"] * len(jobs)
        told = read_diaries(place.folder.glob("told-*")).ids
        assert len(told) >= 2 * (len(jobs) - 1), "the grandchild may be on its way"
        wait_until(lambda: all(fleet.queue.state(job).final for job in told), what="the end of what they have queued")


def take_away(file: Path, how: str) -> None:
    if how == "replaced":
        other = file.with_name("other")
        other.write_bytes(file.read_bytes())
        other.rename(file)
    else:
        file.rename(file.with_name("aside"))


@pytest.mark.sqlite
@pytest.mark.parametrize("which", ["", "-wal"], ids=["database", "log"])
@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_writer_whose_file_is_gone_does_not_say_yes(queue: Queue, which: str, how: str) -> None:
    queue.enqueue("before")
    take_away(Path(f"{queue.database.path}{which}"), how)
    with pytest.raises(DatabaseUnavailable, match="removed or replaced"):
        queue.enqueue("unheard")


@pytest.mark.sqlite
@pytest.mark.parametrize("which", ["", "-wal"], ids=["database", "log"])
def test_a_session_whose_file_is_gone_does_not_commit(queue: Queue, which: str) -> None:
    with queue.session() as session:
        queue.enqueue("joined", session=session)
        take_away(Path(f"{queue.database.path}{which}"), "removed")
        with pytest.raises(DatabaseUnavailable, match="removed or replaced"):
            session.commit()


@pytest.mark.sqlite
def test_a_session_that_has_only_read_before_its_file_was_replaced_does_not_commit(queue: Queue) -> None:
    with queue.session() as session:
        session.connection().exec_driver_sql("SELECT 1 FROM job")
        session.rollback()
        take_away(queue.database.path, "replaced")
        queue.enqueue("joined", session=session)
        with pytest.raises(DatabaseUnavailable, match="removed or replaced"):
            session.commit()


@pytest.mark.sqlite
def test_a_writer_goes_on_after_its_log_was_removed(queue: Queue) -> None:
    kept = queue.enqueue("before").id
    Path(f"{queue.database.path}-wal").unlink()
    with suppress(DatabaseUnavailable):
        queue.enqueue("unheard")
    queue.enqueue("after")
    assert {"before", "after"} <= {task for (task,) in sql(queue, "SELECT task FROM job")}
    assert queue.state(kept)


def past_hooks(act: Callable[[], object]) -> int:
    """The exit code of a child that a library has forked without a word to Python, as uWSGI does."""
    pid = ctypes.PyDLL(None).fork()
    if pid == 0:
        with suppress(BaseException):
            act()
            os._exit(0)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.sqlite
def test_a_child_that_was_forked_past_the_hooks_is_refused_in_words_however_it_asks(url: str) -> None:
    queue = get_queue(url)
    queue.enqueue("before")

    def refused() -> None:
        for ask in (lambda: get_queue(url), lambda: queue.enqueue("child")):
            with pytest.raises(ForkedWhileOpen, match="this process was forked while it was open"):
                ask()

    assert past_hooks(refused) == 0
    assert sql(queue, "SELECT task FROM job") == [("before",)]
    queue.close()


def test_a_child_that_was_forked_past_the_hooks_after_a_close_may_queue(url: str) -> None:
    queue = get_queue(url)
    queue.enqueue("before")
    queue.close()
    assert past_hooks(lambda: get_queue(url).enqueue("child")) == 0
    assert sql(queue, "SELECT task FROM job ORDER BY id") == [("before",), ("child",)]
    queue.close()


@pytest.mark.sqlite
def test_a_database_behind_a_link_is_the_same_and_its_log_stands_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    real, link = tmp_path / "disk" / "real.db", tmp_path / "queue.db"
    get_queue(f"sqlite:///{real}").enqueue("before")
    link.symlink_to(real)
    queue = get_queue(f"sqlite:///{link}")
    job = queue.enqueue("by the link").id
    assert get_queue(f"sqlite:///{real}").state(job) == "pending"
    assert queue.database.sizes().log
    Path(f"{real}-wal").unlink()
    with pytest.raises(DatabaseUnavailable, match="removed or replaced"):
        queue.enqueue("unheard")
