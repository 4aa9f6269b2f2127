"""Tasks for experiments, good and bad; those with an effect leave one that can be counted."""

import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pqkit import Context, Fail, Snooze, task
from pqkit.db import system_clock

EFFECTS = "lab_effect"
CGROUP = "PQKIT_LAB_CGROUP"
RELEASE = "PQKIT_LAB_RELEASE"
GIL_HOLDER = "(a+)+$"


@task("lab.count")
def count(n: int) -> int:
    """Count to ``n``: work for the processor."""
    total = 0
    for _ in range(n):
        total += 1
    return total


@task("lab.nap")
def nap(seconds: float) -> None:
    time.sleep(seconds)


@task("lab.stumble", backoff=[0.2])
def stumble(*, ctx: Context) -> int:
    """Fail at the first attempt."""
    if ctx.attempt == 1:
        raise ValueError("it stumbles once")
    return ctx.attempt


@task("lab.fail")
def fail(times: int, *, ctx: Context) -> int:
    """Fail at the first ``times`` attempts."""
    if ctx.attempt <= times:
        raise ValueError(f"attempt {ctx.attempt} of {times} that fail")
    return ctx.attempt


@task("lab.give_up")
def give_up() -> None:
    """Fail with the message that a retry is useless."""
    raise Fail("no retry will help")


@task("lab.mended")
def mended(by: str) -> None:
    """Fail for good until the file ``by`` exists."""
    if not Path(by).exists():
        raise Fail("nobody has mended it")


@task("lab.snooze")
def snooze(seconds: float, *, ctx: Context) -> None:
    """Snooze once."""
    if ctx.attempt == 1:
        raise Snooze(seconds)


@task("lab.release")
def release(row: int) -> None:
    """Fail if this worker runs the bad release."""
    time.sleep(0.01)
    if os.environ.get(RELEASE) == "bad":
        raise ValueError(f"column 'price' is missing in row {row}, token=s3cret-{row}")


@task("lab.act")
def act(parts: list[tuple[str, float]], *, ctx: Context) -> None:
    """Act as a handler whose attempts are recorded: the same duration and outcome."""
    place = min(int(ctx.attempt), len(parts)) - 1
    outcome, seconds = parts[place]
    time.sleep(seconds)
    if outcome != "completed":
        raise ValueError(f"try {place + 1} of {len(parts)} {outcome}, as on record")


@task("lab.stamp")
def stamp(folder: str, *, ctx: Context) -> None:
    """Leave a file named after the job that holds the number of the attempt."""
    ctx.stage(Path(folder) / str(ctx.job_id)).write_text(str(ctx.attempt))


@task("lab.effect")
def effect(*, ctx: Context) -> None:
    """Insert a row into the table of effects through the job's own session."""
    from sqlalchemy import column, insert, table  # noqa: PLC0415 - its cost is for handlers with a session

    effects = table(EFFECTS, column("job_id"), column("attempt"))
    ctx.session.connection().execute(insert(effects).values(job_id=ctx.job_id, attempt=ctx.attempt))


@task("lab.fork")
def fork(way: str, folder: str) -> None:
    """Fork a process that queues two jobs.

    ``way`` is one of ``pqkit.lab.harness.forking_producer``.
    """
    from pqkit.lab.harness.forking_producer import WAYS, child  # noqa: PLC0415 - its cost is for forking handlers

    WAYS[way](partial(child, Path(folder), 2, None))()


@task("lab.hold")
def hold(until: str, *, ctx: Context) -> int:
    """Run until the file ``until`` exists; ignore every request to stop."""
    while not Path(until).exists():
        time.sleep(0.01)
    return ctx.attempt


@task("lab.pulse")
def pulse(until: str, file: str, *, ctx: Context) -> int:
    """Run as ``hold``; a file named for the attempt says when it last ran."""
    seen, fresh = Path(f"{file}-{ctx.attempt}"), Path(f"{file}-{ctx.attempt}-fresh")
    while not Path(until).exists():
        fresh.write_text(str(system_clock.steady()))
        fresh.replace(seen)
        time.sleep(0.01)
    return ctx.attempt


def _exit() -> None:
    os._exit(7)


def _segfault() -> None:
    ctypes.string_at(0)


def _hog() -> None:
    """Take memory up to a limit, and die as the kernel kills a process that takes too much."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 64 * 2**20, hard))
    held = []
    try:
        while True:
            held.append(bytearray(2**20))
    except MemoryError:
        os.kill(os.getpid(), signal.SIGKILL)


def _leak() -> None:
    """Leave processes behind, and die."""
    for new_session in (False, True):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=new_session)
    os._exit(7)


def _oom() -> None:
    """Enter the lab's memory cgroup, and take memory until the kernel kills this process."""
    Path(os.environ[CGROUP], "cgroup.procs").write_text(str(os.getpid()))
    held = []
    while True:
        held.append(bytearray(2**20))


DEADLY: dict[str, Callable[[], None]] = {"exit": _exit, "segfault": _segfault, "hog": _hog, "leak": _leak}
DEADLY_IN_A_CGROUP: dict[str, Callable[[], None]] = {"oom": _oom}
ALL_DEADLY = DEADLY | DEADLY_IN_A_CGROUP


@task("lab.poison")
def poison(kind: str) -> None:
    """Kill the worker: by ``exit``, ``segfault``, ``hog``, ``leak`` or ``oom``."""
    ALL_DEADLY[kind]()


@task("lab.poison_isolated", isolation="process")
def poison_isolated(kind: str) -> None:
    """Kill the child process, in the same ways."""
    ALL_DEADLY[kind]()


@task("lab.deaf", isolation="process", timeout=1, max_retries=0)
def deaf() -> None:
    """Ignore SIGTERM and run past the deadline."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(60)


@task("lab.hold_gil")
def hold_gil(letters: int) -> bool:
    """Hold the GIL with a regular expression that takes twice as long for each letter.

    No other thread of this process runs during it.
    """
    return re.match(GIL_HOLDER, "a" * letters + "b") is not None
