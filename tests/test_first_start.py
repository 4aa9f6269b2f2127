"""Many first starts at once, by threads and by processes, and killed ones: all succeed, and there is one schema."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import inspect

from pqkit import models
from pqkit.db import connect, schema
from pqkit.db.sqlite.file_creation import LEFT_BY_THE_DEAD, create
from pqkit.queue import Queue, get_queue
from tests.verbs import sql

MANY = 8
START = "import sys; from pqkit import get_queue; get_queue(sys.argv[1]).enqueue('t')"


def at_once(acts: list[Callable[[], object]]) -> list[object]:
    barrier = Barrier(len(acts))

    def act(number: int) -> object:
        barrier.wait()
        return acts[number]()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, range(len(acts))))


def start(url: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", START, url], stderr=subprocess.PIPE)


def is_whole(queue: Queue) -> bool:
    names = set(inspect(queue.engine).get_table_names())
    return names >= models.metadata.tables.keys() and schema.version(queue.database) == schema.HEAD


def test_threads_that_start_at_once_get_one_queue(empty_url: str) -> None:
    queues = at_once([lambda: get_queue(empty_url)] * MANY)
    assert len(set(map(id, queues))) == 1
    queue = get_queue(empty_url)
    at_once([lambda: queue.enqueue("t")] * MANY)
    assert is_whole(queue)
    assert sql(queue, "SELECT count(*) FROM job") == [(MANY,)]
    queue.close()


def test_threads_that_open_the_database_each_by_itself_make_one_schema(empty_url: str) -> None:
    made = at_once([lambda: schema.ensure(connect(empty_url))] * MANY)
    assert sorted(map(bool, made)) == [False] * (MANY - 1) + [True]


@pytest.mark.sqlite
def test_threads_that_start_on_several_files_do_not_meet(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{number % 4}/queue.db" for number in range(MANY)]
    at_once([lambda url=url: get_queue(url).enqueue("t") for url in urls])  # type: ignore[misc]
    for url in urls[:4]:
        queue = get_queue(url)
        assert is_whole(queue)
        assert sql(queue, "SELECT count(*) FROM job") == [(2,)]
        queue.close()


@pytest.mark.fault
def test_processes_that_start_at_once_all_succeed(empty_url: str) -> None:
    started = [start(empty_url) for _ in range(4)]
    said = [process.communicate()[1].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 4, said
    queue = get_queue(empty_url)
    assert is_whole(queue)
    assert sql(queue, "SELECT count(*) FROM job") == [(4,)]
    queue.close()


@pytest.mark.fault
def test_what_killed_first_starts_have_left_is_healed_by_the_next(empty_url: str) -> None:
    for _ in range(4):
        killed = start(empty_url)
        time.sleep(random.uniform(0.1, 1.0))
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    queue = get_queue(empty_url)
    queue.enqueue("t")
    assert is_whole(queue)
    queue.close()


@pytest.mark.sqlite
@pytest.mark.parametrize("left", ["empty", "no log"])
def test_a_file_that_was_only_begun_is_gone_on_with(tmp_path: Path, left: str) -> None:
    path = tmp_path / "queue.db"
    path.touch() if left == "empty" else create(path)
    at_once([lambda: get_queue(f"sqlite:///{path}")] * MANY)
    queue = get_queue(f"sqlite:///{path}")
    assert is_whole(queue)
    assert sql(queue, "PRAGMA journal_mode") == [("wal",)]
    queue.close()


@pytest.mark.sqlite
def test_a_new_file_leaves_nothing_beside_it_and_takes_away_what_the_dead_have_left(tmp_path: Path) -> None:
    old, fresh = (tmp_path / f".queue.db-new-{name}" for name in ("old", "fresh"))
    for each in (old, fresh):
        each.touch()
    long_ago = time.time() - LEFT_BY_THE_DEAD - 1
    os.utime(old, (long_ago, long_ago))
    at_once([lambda: create(tmp_path / "queue.db")] * MANY)
    assert sorted(each.name for each in tmp_path.iterdir()) == [".queue.db-new-fresh", "queue.db"]


@pytest.mark.sqlite
def test_a_file_is_made_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    queue = get_queue(f"sqlite:///{tmp_path}/queue.db")
    assert is_whole(queue)
    queue.close()
