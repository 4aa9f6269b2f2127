"""The demo: files become jobs whole or not at all, and every file gets one stamp, whoever is killed."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pqkit import Context, Queue, get_queue, queries
from pqkit.demo import file_producer
from pqkit.demo.tasks import stamp_file
from pqkit.domain.states import JobState
from pqkit.errors import DatabaseUnavailable, JobFailed
from pqkit.files import UnsafePath, put_in_place
from pqkit.settings import settings
from tests.support import PATIENCE, wait_until

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z job=(\d+)")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the default settings."""
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    (tmp_path / "data" / "files").mkdir(parents=True)
    yield tmp_path
    settings.cache_clear()


@pytest.fixture
def root(home: Path) -> Path:
    return home / "data" / "files"


@pytest.fixture
def demo(home: Path) -> Iterator[Queue]:
    queue = get_queue(f"sqlite:///{home}/data/queue.db")
    yield queue
    queue.close()


@pytest.fixture
def run_pqkit(demo: Queue, home: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start `pqkit …` in the working folder; what still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        with (home / f"{len(started)}.log").open("wb") as log:
            command = [sys.executable, "-m", "pqkit", *arguments]
            whole = os.environ | environment
            started.append(subprocess.Popen(command, cwd=home, env=whole, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def stamps(path: Path) -> list[int]:
    return [int(found[1]) for line in path.read_text().splitlines() if (found := STAMP.fullmatch(line))]


def run(name: str, job_id: int = 7, attempt: int = 1) -> None:
    """One accepted attempt of ``stamp_file``, as a worker would run it."""
    ctx = Context(job_id=job_id, attempt=attempt, task="stamp_file")
    stamp_file(name=name, ctx=ctx)
    for staged, target in ctx.staged:
        put_in_place(staged, target)


def test_a_file_gets_its_stamp_as_a_new_first_line(root: Path) -> None:
    (root / "a.txt").write_text("one\ntwo\n")
    run("a.txt")
    first, *rest = (root / "a.txt").read_text().splitlines()
    assert STAMP.fullmatch(first)[1] == "7"  # type: ignore[index]
    assert rest == ["one", "two"]


def test_a_job_that_runs_twice_stamps_once(root: Path) -> None:
    (root / "a.txt").write_text("one\n")
    run("a.txt")
    before = (root / "a.txt").read_bytes()
    run("a.txt", attempt=2)
    assert (root / "a.txt").read_bytes() == before


def test_another_job_on_the_same_file_stamps_again(root: Path) -> None:
    (root / "a.txt").write_text("one\n")
    run("a.txt", job_id=7)
    run("a.txt", job_id=8)
    assert stamps(root / "a.txt") == [8, 7]


def test_an_attempt_that_was_not_accepted_leaves_the_file_as_it_was(root: Path) -> None:
    (root / "a.txt").write_text("one\n")
    stamp_file(name="a.txt", ctx=Context(job_id=7, attempt=1, task="stamp_file"))
    assert (root / "a.txt").read_text() == "one\n"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/a.txt", "", ".", "link", "folder", "pipe"])
def test_only_a_regular_file_inside_the_folder_is_stamped(root: Path, name: str) -> None:
    (root.parent / "secret").write_text("x")
    (root / "link").symlink_to(root.parent / "secret")
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    with pytest.raises(UnsafePath):
        run(name)
    assert (root.parent / "secret").read_text() == "x"


def test_a_file_is_whole_before_its_job_is_there(demo: Queue, root: Path) -> None:
    name, job = file_producer.put_file(demo, root)
    assert queries.job(demo.database, job.id).job.args == f'{{"name":"{name}"}}'
    assert (root / name).read_text().endswith("\n")
    assert [path.name for path in root.iterdir()] == [name]
    assert (root / name).stat().st_mode & 0o777 == 0o600


def test_a_file_without_a_job_is_adopted_once(demo: Queue, root: Path) -> None:
    (root / "orphan.txt").write_text("one\n")
    (root / ".half.txt.part").write_text("on")
    named, _ = file_producer.put_file(demo, root)
    assert file_producer.adopt(demo, root) == ["orphan.txt"]
    assert file_producer.adopt(demo, root) == []
    assert {path.name for path in root.iterdir()} == {"orphan.txt", named}


def test_a_file_whose_job_was_canceled_or_pruned_is_not_adopted(demo: Queue, root: Path) -> None:
    _, job = file_producer.put_file(demo, root)
    job.cancel()
    (root / "stamped.txt").write_text("2026-01-01T00:00:00.000000Z job=99\none\n")
    assert file_producer.adopt(demo, root) == []


def test_a_producer_whose_database_is_away_makes_no_heap_of_files(
    demo: Queue, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([False, False, True, True])
    stop = threading.Event()

    def enqueue(*args: object, **options: object) -> object:
        if next(turns, None):
            return Queue.enqueue(demo, *args, **options)  # type: ignore[arg-type]
        raise DatabaseUnavailable("the disk is full")

    monkeypatch.setattr(demo, "enqueue", enqueue)
    assert file_producer.produce(demo, root, every=0, count=1, stop=stop) == 1
    assert len(list(root.iterdir())) == 2  # the one that waited, and the new one
    assert queries.counts(demo.database)[JobState.PENDING] == 2


def test_a_producer_killed_at_any_moment_leaves_whole_jobs_only(
    demo: Queue, root: Path, run_pqkit: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    for round_ in range(3):
        process = run_pqkit("producer", "--every", "0.001")
        seen = len(queries.ids(demo.database, queries.Filter(), 10_000))
        wait_until(lambda: len(list(root.iterdir())) > seen + 20 * (round_ + 1), what="files")  # noqa: B023
        process.kill()
        process.wait()
    file_producer.adopt(demo, root)
    names = Counter(job.args for job in queries.jobs(demo.database, limit=10_000))
    assert set(names) == {f'{{"name":"{path.name}"}}' for path in root.iterdir()}
    assert set(names.values()) == {1}


def test_sigterm_ends_the_producer_cleanly(root: Path, run_pqkit: Callable[..., "subprocess.Popen[bytes]"]) -> None:
    process = run_pqkit("producer", "--every", "60")
    wait_until(lambda: list(root.glob("*.txt")), what="the first file")
    process.terminate()
    assert process.wait(PATIENCE) == 0


def test_a_missing_file_is_retried_and_ends_unprocessable(
    demo: Queue, run_pqkit: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    run_pqkit("worker", "--tasks", "pqkit.demo.tasks")
    job = demo.enqueue(stamp_file, {"name": "gone.txt"}, backoff=[0.1])
    with pytest.raises(JobFailed, match=r"unprocessable.*No such file") as failure:
        job.result(PATIENCE)
    assert "FileNotFoundError" in str(failure.value)
    assert [attempt.outcome for attempt in queries.job(demo.database, job.id).attempts] == ["failed"] * 4


def test_a_thousand_files_have_one_stamp_each_though_a_worker_is_killed(
    demo: Queue, root: Path, run_pqkit: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    names = [f"{number:04}.txt" for number in range(1000)]
    for name in names:
        (root / name).write_text(file_producer.random_text())
    ids = demo.enqueue_many(stamp_file, [{"name": name} for name in names])
    # The fault of the lab kills it when it hands in its third batch, with files staged, and claims that it leaves.
    tasks = ("--tasks", "pqkit.demo.tasks,pqkit.lab.harness.recording_plugin")
    doomed = run_pqkit("worker", *tasks, PQKIT_LAB_FAULT="before_finish:3")
    assert doomed.wait(PATIENCE) == -signal.SIGKILL
    assert 0 < queries.counts(demo.database)[JobState.COMPLETED] < 1000
    assert queries.counts(demo.database)[JobState.PROCESSING] > 0
    for number in range(3):
        run_pqkit("worker", "--tasks", "pqkit.demo.tasks", "--name", f"w{number}")
    wait_until(lambda: queries.counts(demo.database)[JobState.COMPLETED] == 1000, what="a thousand completed jobs")
    wait_until(lambda: all(stamps(root / name) for name in names), what="the last staged file in its place")
    assert {name: stamps(root / name) for name in names} == {name: [i] for name, i in zip(names, ids, strict=True)}
    assert queries.misplaced(demo.database) == []
