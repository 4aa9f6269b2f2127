"""Tasks that the tests' real workers run."""

import asyncio
import ctypes
import multiprocessing
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from pqkit import Cancel, Context, Fail, Retry, Snooze, task
from pqkit.process.orphans import MARK


@task
def double(n: int) -> int:
    return 2 * n


@task
def note(path: str, line: str, seconds: float = 0) -> None:
    """Leave a line in a file, the record of runs that is independent of the database."""
    with Path(path).open("a") as file:
        file.write(line + "\n")
    time.sleep(seconds)


@task
def until_told(path: str, *, ctx: Context) -> str:
    """Run until asked to stop, then give way."""
    Path(path).touch()
    while not ctx.should_stop():
        time.sleep(0.01)
    ctx.give_way()
    return "unreachable"


@task
def until_file(path: str, started: str) -> str:
    """Run until a file is there; deaf to all wishes."""
    Path(started).touch()
    while not Path(path).exists():
        time.sleep(0.01)
    return "saw it"


@task
async def async_until_told(started: str) -> None:
    Path(started).touch()
    await asyncio.sleep(600)


@task
async def async_double(n: int, *, ctx: Context) -> int:
    await asyncio.sleep(0)
    ctx.progress(1, "there")
    return 2 * n


@task(timeout=0.3, max_retries=0)
async def async_slow() -> None:
    await asyncio.sleep(600)


@task(isolation="process")
def isolated(what: str, path: str = "", *, ctx: Context) -> int:
    ctx.log(f"asked to {what}")
    ctx.progress(0.5, "half")
    match what:
        case "exit":
            os._exit(7)
        case "crash":
            ctypes.string_at(0)
        case "hang":
            Path(path).touch()
            while True:
                time.sleep(1)
    return os.getpid()


@task(isolation="process", timeout=0.5, max_retries=0)
def isolated_slow() -> None:
    time.sleep(600)


@task
def kill_worker() -> None:
    os._exit(9)


@task(max_retries=0)
def leave(word: str) -> None:
    raise {"fail": Fail("no use"), "cancel": Cancel("not needed"), "snooze": Snooze(600), "exit": SystemExit(3)}[word]


@task(backoff=[0.05])
def flaky(path: str) -> str:
    """Fails until it has run three times."""
    with Path(path).open("a") as file:
        file.write("x")
    if len(Path(path).read_text()) < 3:
        raise Retry("not yet")
    return "at last"


@task
def effect(table: str, then: str = "", *, ctx: Context) -> str:
    ctx.session.connection().exec_driver_sql(f"INSERT INTO {table} VALUES ({ctx.job_id})")
    if then == "fail":
        raise Fail("after the effect")
    return "done"


@task
def staged(path: str, text: str, then: str = "", *, ctx: Context) -> None:
    ctx.stage(path).write_text(text)
    if then == "fail":
        raise Fail("after writing")


def _fork() -> int:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    return pid


def _fork_by_library() -> int:
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    process.start()
    assert process.pid
    return process.pid


def _sleep(**options: Any) -> int:
    return subprocess.Popen(["sleep", "600"], **options).pid


def _sleep_unmarked() -> int:
    return _sleep(env={name: value for name, value in os.environ.items() if name != MARK})


LEAKS = {
    "child": _sleep,
    "session": lambda: _sleep(start_new_session=True),
    "fork": _fork,
    "library": _fork_by_library,
    "unmarked": _sleep_unmarked,
}


@task
def leak(how: str, path: str, seconds: float = 600) -> None:
    """Start a process, note its pid, and go on for a while."""
    with Path(path).open("w") as file:
        file.write(f"{LEAKS[how]()}\n")
    time.sleep(seconds)


@task(isolation="process")
def leak_isolated(how: str, path: str, seconds: float = 600) -> None:
    leak(how, path, seconds)


@task
def leak_for_ever(path: str) -> None:
    """Start one process after the other, whatever becomes of them."""
    while True:
        process = subprocess.Popen(["sleep", "600"])
        with Path(path).open("a") as file:
            file.write(f"{process.pid}\n")
        process.wait()


@task(encrypted=True, max_retries=0)
def secret(word: str, *, ctx: Context) -> str:
    """Says its secret wherever a handler can say something."""
    ctx.progress(0.5, f"half of {word}")
    ctx.log(f"the word is {word}")
    if word.startswith("bad"):
        raise ValueError(f"{word} is a bad word")
    return word[::-1]


@task(encrypted=True, isolation="process", max_retries=0)
def secret_isolated(word: str) -> str:
    return word[::-1]


@task
def whole(n: int) -> int:
    return n


@task
def echo(value: Any) -> Any:
    return value
