"""Handlers that start processes, fork, and meet signals."""

import asyncio
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from pqkit import Context, task
from tests.support import PATIENCE


def _signals() -> list[str]:
    """The dispositions that a program sees which is started here, and those of a fork."""
    ignored = "*(signal.getsignal(n) is signal.SIG_IGN for n in (2, 15))"
    words = f"import signal; print({ignored}, len(signal.pthread_sigmask(0, [])))"
    found = subprocess.run([sys.executable, "-c", words], check=True, capture_output=True, text=True).stdout.split()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return [*found, *pool.apply(_dispositions)]


def _dispositions() -> list[str]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    return [getattr(signal.getsignal(n), "name", str(signal.getsignal(n))) for n in numbers]


@task
def signals() -> list[str]:
    return _signals()


@task(isolation="process")
def signals_isolated() -> list[str]:
    return _signals()


@task(isolation="process")
def reads_its_input() -> str:
    return sys.stdin.read()


@task
def ends_a_fork() -> int | None:
    """Tell a fork to end, as soon as it is there."""
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    child.start()
    child.terminate()
    child.join(PATIENCE)
    code = child.exitcode
    child.kill()
    return code


@task(max_retries=0)
def fails_when_told(started: str, *, ctx: Context) -> None:
    """Its own error is the answer to the stop."""
    Path(started).touch()
    while not ctx.should_stop():
        time.sleep(0.01)
    raise ValueError("interrupted")


@task(max_retries=0)
def program(started: str) -> None:
    """A program that is told to stop together with its worker."""
    process = subprocess.Popen(["sleep", "600"])
    Path(started).write_text(str(process.pid))
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, "sleep")


@task(max_retries=0, isolation="process")
def waits_isolated(path: str, started: str) -> str:
    Path(started).write_text(str(os.getpid()))
    while not Path(path).exists():
        time.sleep(0.01)
    return "saw it"


@task
def changes_surroundings(folder: str) -> None:
    os.chdir(folder)
    os.umask(0o777)
    os.environ["PYTHONPATH"] = os.environ["PQKIT_URL"] = "/nowhere"
    sys.executable = "/nowhere/python"


@task
def may_open_one_file_more() -> None:
    """Let the worker have one more file open than it has."""
    there = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - the listing itself is in it
    resource.setrlimit(resource.RLIMIT_NOFILE, (there + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


@task
def may_open_files_again() -> None:
    """Raise the limit again, which must need no file: the worker may have taken the last one by now."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1024), hard))


@task
def may_use_little_memory() -> None:
    """Let the worker have less memory than it uses already, so that it gets no more."""
    resource.setrlimit(resource.RLIMIT_AS, (40 * 2**20, resource.getrlimit(resource.RLIMIT_AS)[1]))


@task
def may_use_memory_again() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)


@task(isolation="process")
def sees_surroundings() -> list[str]:
    os.umask(umask := os.umask(0))
    return [str(Path.cwd()), oct(umask)]


@task(max_retries=0)
def ticks(path: str, *, ctx: Context) -> None:
    """Deaf: leaves a moment and its attempt in a file, for ever."""
    while True:
        with Path(path).open("a") as file:
            file.write(f"{ctx.attempt}\n")
        time.sleep(0.005)


@task(max_retries=0)
async def ticks_beside_the_loop(path: str, *, ctx: Context) -> None:
    """The same, in a thread that the event loop lends."""
    await asyncio.to_thread(ticks.function, path, ctx=ctx)


@task(isolation="process")
def dies_and_leaves_a_fork(path: str) -> None:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        time.sleep(600)
    with Path(path).open("a") as file:
        file.write(f"{pid}\n")
    os._exit(3)
