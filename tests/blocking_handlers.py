"""Handlers that hold Python's lock, block the event loop, or do not end when they are told."""

import asyncio
import contextlib
import ctypes
import time
from pathlib import Path

from pqkit import Context, task


@task
def holds_the_lock(started: str, path: str) -> str:
    """Hold Python's lock until a file is there."""
    Path(started).touch()
    wait = ctypes.PyDLL(None)
    wait.access.argtypes = [ctypes.c_char_p, ctypes.c_int]
    ctypes.PyDLL(None).system(f"while [ ! -e {path} ]; do sleep 0.05; done".encode())
    return "let go"


@task(timeout=0.1, max_retries=0)
def holds_the_lock_at_once() -> None:
    """Hold Python's lock before another thread of the worker has had a turn."""
    ctypes.PyDLL(None).sleep(600)


@task(timeout=0.5, max_retries=0)
def holds_the_lock_too_long(started: str) -> None:
    Path(started).touch()
    ctypes.PyDLL(None).sleep(600)


@task(timeout=0.5, max_retries=0)
async def blocks(started: str) -> None:
    """Block the event loop, from a task of its own."""

    async def spin() -> None:
        Path(started).touch()
        while True:
            time.sleep(0.01)

    await asyncio.create_task(spin())


@task(max_retries=0)
async def blocks_for(started: str, path: str) -> str:
    Path(started).touch()
    while not Path(path).exists():
        time.sleep(0.01)
    return "done"


@task(timeout=1, max_retries=0)
async def quick(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "quick"


now_running: set[int] = set()
most_running: list[int] = [0]


@task
async def counted(*, ctx: Context) -> int:
    """How many ran at once; one that is canceled goes on for a while."""
    return await _counted(ctx)


@task
def counted_sync(*, ctx: Context) -> int:
    return asyncio.run(_counted(ctx))


async def _counted(ctx: Context) -> int:
    now_running.add(ctx.job_id)
    most_running[0] = max(most_running[0], len(now_running))
    try:
        await asyncio.sleep(0.05)
    finally:
        now_running.discard(ctx.job_id)
    return most_running[0]


@task
async def deaf(path: str) -> None:
    """A coroutine that goes on whatever it is told."""
    while True:
        with contextlib.suppress(BaseException):
            await asyncio.sleep(0.05)
        Path(path).touch()
