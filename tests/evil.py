"""Handlers that raise, return and report what ends programs: none of it may end a slot of their worker."""

import asyncio
import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pqkit import Cancel, Context, Fail, Retry, Snooze, task
from pqkit.domain.hooks import on_completed

ENDS = {
    "exit": SystemExit,
    "interrupt": KeyboardInterrupt,
    "generator": GeneratorExit,
    "canceled": asyncio.CancelledError,
    "memory": MemoryError,
    "recursion": RecursionError,
}


class Word(str):
    """A text whose methods end the program."""

    __slots__ = ()

    def split(self, *_: Any) -> Any:
        raise SystemExit("split")

    def __format__(self, _spec: str) -> Any:
        raise SystemExit("format")


class Mean(Exception):
    """An error that ends the program when somebody looks at it."""

    def __init__(self, end: type[BaseException]) -> None:
        super().__init__(end)
        self.end = end

    def __str__(self) -> str:
        raise self.end("when it is read")

    __repr__ = __str__

    def __eq__(self, _other: object) -> bool:
        raise self.end("when it is compared")

    def __hash__(self) -> int:
        raise self.end("when it is hashed")

    def __del__(self) -> None:
        raise self.end("when it is freed")


class Unclear(Exception):
    @property
    def __class__(self) -> Any:
        raise SystemExit("when its class is asked")

    @__class__.setter
    def __class__(self, _value: object) -> None: ...


class LaterNever(Snooze):
    """A delay that nobody has checked."""

    def __init__(self, seconds: Any) -> None:
        Exception.__init__(self, "snoozed")
        self.seconds = seconds


class RetryNever(Retry):
    def __init__(self) -> None:
        Exception.__init__(self, "again")

    @property
    def after(self) -> float:
        raise SystemExit("when the delay is asked")

    @after.setter
    def after(self, _value: object) -> None: ...


class MeanCancel(Cancel):
    __str__ = Mean.__str__
    end = SystemExit


class MeanFail(Fail):
    __str__ = Mean.__str__
    end = KeyboardInterrupt


class Spoken(Exception):
    def __str__(self) -> str:
        return Word("a word")


def _deep(levels: int) -> BaseException:
    error: BaseException = ValueError("the innermost")
    for _ in range(levels):
        error = ExceptionGroup("a group", [error])
    return error


def _chained(levels: int) -> BaseException:
    error = first = ValueError("the last")
    for n in range(levels):
        error.__cause__ = error = ValueError(str(n))
    error.__cause__ = first
    return first


RAISED: dict[str, Callable[[], BaseException]] = {
    **ENDS,
    **{f"mean {name}": (lambda end=end: Mean(end)) for name, end in ENDS.items()},
    "group": lambda: BaseExceptionGroup("all", [SystemExit(1), KeyboardInterrupt(), Mean(SystemExit)]),
    "deep group": lambda: _deep(3_000),
    "long chain in a circle": lambda: _chained(3_000),
    "huge": lambda: ValueError("x" * 30_000_000),
    "unclear": Unclear,
    "word": Spoken,
    "snooze for ever": lambda: LaterNever(float("inf")),
    "snooze by a word": lambda: LaterNever("soon"),
    "retry without a delay": RetryNever,
    "mean cancel": MeanCancel,
    "mean fail": MeanFail,
}


class MeanDict(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise SystemExit("when it is listed")


class MeanFloat(float):
    def __repr__(self) -> str:
        raise SystemExit("when it is written")

    def __lt__(self, _other: object) -> bool:
        raise KeyboardInterrupt("when it is compared")


RETURNED: dict[str, Callable[[], object]] = {
    "error": lambda: Mean(SystemExit),
    "dict": lambda: MeanDict(a=1),
    "key": lambda: {1: "a", "b": Mean(KeyboardInterrupt)},
}


def _act(how: str, what: str, ctx: Context) -> Any:
    match how:
        case "raise":
            error = RAISED[what]()
            raise error
        case "return":
            return RETURNED[what]()
        case "report":
            ctx.log(Mean(ENDS[what]))
        case "progress":
            ctx.progress(MeanFloat(0.5), Word("note"))
        case "stage":
            ctx.staged.append(Mean(ENDS[what]))  # type: ignore[arg-type]
        case "thread":
            thread = threading.Thread(target=sys.exit)
            thread.start()
            thread.join()
        case "session":
            from sqlalchemy import event

            @event.listens_for(ctx.session, "before_commit")
            def refuse(*_: object) -> None:
                raise ENDS[what]("at the commit")

            ctx.session.connection().exec_driver_sql("CREATE TABLE IF NOT EXISTS evil (id INTEGER)")
    return "survived"


@task(max_retries=0)
def evil(how: str, what: str, *, ctx: Context) -> Any:
    return _act(how, what, ctx)


@task(max_retries=0, isolation="process")
def evil_isolated(how: str, what: str, *, ctx: Context) -> Any:
    return _act(how, what, ctx)


@task(max_retries=0)
async def evil_async(how: str, what: str, *, ctx: Context) -> Any:
    loop = asyncio.get_running_loop()
    match how:
        case "subtask":
            asyncio.create_task(_raise(what))  # noqa: RUF006 - left alone on purpose
            await asyncio.sleep(0.05)
        case "callback":
            loop.call_soon(sys.exit)
            await asyncio.sleep(0.05)
        case "stop":
            loop.stop()
            await asyncio.sleep(0.05)
        case _:
            return _act(how, what, ctx)
    return "survived"


async def _raise(what: str) -> None:
    error = RAISED[what]()
    raise error


@task(max_retries=0)
async def cancels_all() -> str:
    for other in asyncio.all_tasks() - {asyncio.current_task()}:
        other.cancel()
    return "survived"


@task(max_retries=0)
def throws_later() -> int:
    """Have SystemExit thrown into this very slot, after this handler's end."""
    slot = threading.get_ident()

    def throw() -> None:
        time.sleep(0.2)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(slot), ctypes.py_object(SystemExit))

    threading.Thread(target=throw).start()
    return slot


@task(max_retries=0)
def leaves_a_fork(path: str, how: str) -> str:
    """The fork returns, raises or exits as a handler does; it must not go on as a worker."""
    pid = os.fork()
    if pid == 0:
        if how == "raise":
            raise ValueError("in the fork")
        if how == "exit":
            sys.exit(7)
        return "from the fork"
    Path(path).write_text(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    return "from the handler"


@task(max_retries=0)
def ok() -> str:
    return "fine"


@task(max_retries=0)
async def ok_async() -> str:
    await asyncio.sleep(0)
    return "fine"


@on_completed
def leave(_ended: object) -> None:
    raise SystemExit("in a hook")
