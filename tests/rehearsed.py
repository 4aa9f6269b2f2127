"""Handlers that are safe to run twice, and handlers that are not: each leaves its effect in another place."""

import sqlite3
import uuid
from datetime import UTC, datetime
from pathlib import Path

from pqkit import Context, get_queue, task


@task("rehearsed.append")
def append(name: str) -> None:
    with Path(name).open("a") as file:
        file.write("one line\n")


@task("rehearsed.replace")
def replace(name: str, *, ctx: Context) -> int:
    ctx.stage(name).write_text("whole\n")
    return 1


@task("rehearsed.half")
def half(name: str) -> None:
    """It takes what is there for what is finished."""
    if not Path(name).exists():
        with Path(name).open("w") as file:
            for number in range(3):
                file.write(f"line {number}\n")
                file.flush()


@task("rehearsed.count")
def count(name: str) -> None:
    with sqlite3.connect(name) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS counted (n)")
        connection.execute("INSERT INTO counted VALUES (1)")
    total = sqlite3.connect(name).execute("SELECT count(*) FROM counted").fetchone()[0]
    Path("total").write_text(f"{'x' * total}\n")


@task("rehearsed.follow_up")
def follow_up() -> None:
    get_queue().enqueue("next", {})


@task("rehearsed.follow_up_once")
def follow_up_once() -> None:
    get_queue().enqueue("next", {}, unique_key="the next")


@task("rehearsed.stamp")
def stamp(name: str, *, ctx: Context) -> str:
    """What it leaves differs each time, and is right each time."""
    ctx.stage(name).write_text(f"{datetime.now(UTC)} {uuid.uuid4()} attempt {ctx.attempt}\n")
    return str(ctx.attempt)


@task("rehearsed.in_session")
def in_session(*, ctx: Context) -> None:
    ctx.session.connection().exec_driver_sql("CREATE TABLE IF NOT EXISTS effect (job)")
    ctx.session.connection().exec_driver_sql("INSERT INTO effect VALUES (1)")


@task("rehearsed.asleep")
async def asleep(name: str) -> None:
    import asyncio

    await asyncio.sleep(0.001)
    Path(name).write_text("slept\n")


@task("rehearsed.broken", max_retries=0)
def broken() -> None:
    raise ValueError("always")
