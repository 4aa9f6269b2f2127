"""A producer that forks while its queue is open.

Usage: ``python -m pqkit.lab.harness.forking_producer WAY FIRST FOLDER JOBS``.

Parent and child both queue jobs, JOBS in all, and each keeps a diary in FOLDER. FIRST names the process that ends
first, while the other one still works: ``parent`` or ``child``.
"""

import asyncio
import importlib
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pqkit.db import system_clock
from pqkit.errors import ForkedWhileOpen
from pqkit.lab.harness.ledger import Diary
from pqkit.queue import Queue, get_queue

TASK, ARGUMENTS = "lab.count", {"n": 1}
LOOK, PATIENCE = 0.005, 60.0
Act = Callable[[], None]
Wait = Callable[[], object]


def diary(folder: Path) -> Diary:
    """The diary of this process."""
    return Diary(folder / f"told-{os.getpid()}-{time.monotonic_ns()}")


def produce(queue: Queue, mine: Diary, jobs: int) -> None:
    for _ in range(jobs):
        mine.ask(1)
        try:
            mine.told([queue.enqueue(TASK, ARGUMENTS).id])
        except ForkedWhileOpen:
            mine.told([])
            return


def produce_async(queue: Queue, mine: Diary, jobs: int) -> None:
    async def all_of_them() -> None:
        for _ in range(jobs):
            mine.ask(1)
            mine.told([(await queue.enqueue_async(TASK, ARGUMENTS)).id])

    asyncio.run(all_of_them())


def child(folder: Path, jobs: int, outlives: int | None, way: str = "") -> None:
    """Queue half of the jobs, wait for the end of the process ``outlives``, queue the others."""
    mine, how = diary(folder), produce_async if way == "async" else produce
    how(get_queue(), mine, jobs - jobs // 2)
    until = time.monotonic() + PATIENCE
    while outlives is not None and system_clock.process_start(outlives) is not None and time.monotonic() < until:
        time.sleep(LOOK)
    how(get_queue(), mine, jobs // 2)


def fork(act: Act) -> Wait:
    """Fork as C programs do: the child ends without any cleanup."""
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return partial(os.waitpid, pid, 0)


def fork_and_exit(act: Act) -> Wait:
    """Fork as Python programs do: the child ends normally and holds the parent's objects."""
    pid = os.fork()
    if pid == 0:
        act()
        sys.exit()
    return partial(os.waitpid, pid, 0)


def grandchild(act: Act) -> Wait:
    """Fork a child that uses the queue, forks another process, and ends before it."""

    def between() -> None:
        get_queue().database.data_version()
        fork(act)

    return fork(between)


def daemon(act: Act) -> Wait:
    """Fork twice, with a session of its own, as a daemon does."""

    def between() -> None:
        os.setsid()
        fork(act)

    fork(between)()
    return lambda: None


def by_multiprocessing(act: Act, *, method: str, preload: bool = False) -> Wait:
    context = multiprocessing.get_context(method)
    if preload:
        context.set_forkserver_preload(["pqkit.lab.harness.preloaded_queue"])
    process: multiprocessing.Process = context.Process(target=act)  # type: ignore[attr-defined]  # not of its base
    process.start()
    return process.join


def executor(act: Act) -> Wait:
    """Use a pool of processes and take more than one result from it."""
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
    pool.submit(system_clock.wall).result()
    return pool.submit(_act_in_pool, act, os.getpid()).result


def _act_in_pool(act: Act, parent: int) -> None:
    act()
    if os.getppid() != parent:
        os._exit(0)  # an orphan of a pool gets no other signal to end


def in_transaction(act: Act) -> Wait:
    """Fork inside a transaction of the forking thread: on SQLite the child is refused."""
    with get_queue().session() as session:
        get_queue().enqueue(TASK, ARGUMENTS, session=session)
        wait = fork(act)
        session.rollback()
    return wait


def amid_commits(act: Act) -> Wait:
    """Fork while other threads of the parent queue jobs one after the other."""
    with _busy_threads(3):
        return fork(act)


@contextmanager
def _busy_threads(many: int) -> Iterator[None]:
    over = threading.Event()

    def keep_on() -> None:
        mine = diary(Path(sys.argv[3]))
        while not over.is_set():
            produce(get_queue(), mine, 1)

    threads = [threading.Thread(target=keep_on) for _ in range(many)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def queue_in_child(queue: Queue, task: str) -> list[int]:
    """Let a fork queue one job before its parent closes the queue, and one after.

    Returns the ids that the fork received.
    """
    (told, tell), (waits, go) = os.pipe(), os.pipe()

    def act() -> None:
        os.write(tell, f"{queue.enqueue(task).id}\n".encode())
        os.read(waits, 1)
        os.write(tell, f"{queue.enqueue(task).id}\n".encode())

    wait = fork(act)
    os.close(tell)
    with os.fdopen(told) as source:
        first = source.readline()
        queue.close()
        os.write(go, b"x")
        ids = [int(line) for line in (first, *source) if line]
    os.close(waits)
    os.close(go)
    wait()
    return ids


WAYS: dict[str, Callable[[Act], Wait]] = {
    "fork": fork,
    "fork and exit": fork_and_exit,
    "grandchild": grandchild,
    "daemon": daemon,
    "multiprocessing fork": partial(by_multiprocessing, method="fork"),
    "multiprocessing spawn": partial(by_multiprocessing, method="spawn"),
    "multiprocessing forkserver": partial(by_multiprocessing, method="forkserver"),
    "preloading server": partial(by_multiprocessing, method="forkserver", preload=True),
    "executor": executor,
    "async": fork,
    "amid commits": amid_commits,
    "in a transaction": in_transaction,
}


def family(way: str, first: str, folder: Path, jobs: int) -> None:
    """Run the parent."""
    queue, mine, each = get_queue(), diary(folder), max(2, jobs // 2)
    (produce_async if way == "async" else produce)(queue, mine, each // 2)
    outlives = os.getpid() if first == "parent" else None
    wait = WAYS[way](partial(child, folder, each, outlives, way))
    if first == "parent":
        produce(queue, mine, each - each // 2)
        queue.close()
        os._exit(0)  # multiprocessing would wait for the child
    wait()
    produce(queue, mine, each - each // 2)


if "PQKIT_LAB_FAULT" in os.environ:  # in spawned processes as well
    importlib.import_module("pqkit.lab.harness.fault_plugin")

if __name__ == "__main__":
    family(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
