"""Runs one claim: calls the handler, catches every error, decides the outcome; no database."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, get_args

from pqkit.domain.context import Context
from pqkit.domain.outcomes import (
    Cancel,
    ChildDied,
    Claim,
    Fail,
    Outcome,
    Snooze,
    TimedOut,
    completed,
    ended_by,
    is_private,
    stopped_by,
)
from pqkit.domain.tasks import ArgumentError, Task, find
from pqkit.errors import NotFound
from pqkit.security import encryption

WITHOUT_KEY = 30.0
Wish = Literal["cancel_asked", "timed_out", "stop_asked"]


class Keyless(Snooze):
    """The worker lacks the job's key: the job is left to other workers, and no retry is used up."""


class Run:
    """One running attempt, and the wishes about it.

    ``hear`` passes a wish on to the handler, ``force`` ends a handler that ignores it. A handler in a thread has
    neither: it asks ``ctx.should_stop()``, and only the end of its process ends it. ``blocks`` means that the handler
    blocks the event loop; the other runs in the loop are ``held_up``.
    """

    # Class defaults: a worker makes thousands of runs a second, and few are ever asked to end.
    cancel_asked = timed_out = stop_asked = blocks = held_up = False
    asked_at: float | None = None
    deadline: float | None = None
    hear: Callable[[Wish], None] | None = None
    force: Callable[[], None] | None = None
    thread: threading.Thread | None = None

    def __init__(self, claim: Claim, started_at: int) -> None:
        self.claim = claim
        self.started_at = max(started_at, claim.claimed_at)
        self._begun = time.monotonic_ns()
        self.task, self.is_private = find(claim.task), is_private(claim)
        self.wants_context = self.task is not None and self.task.wants_context
        if claim.timeout is not None:
            self.start_clock()

    @property
    def moment(self) -> int:
        """Now, in microseconds UTC, unaffected by clock changes since the start of the run."""
        return self.started_at + (time.monotonic_ns() - self._begun) // 1000

    def start_clock(self) -> None:
        """Count the timeout from now on."""
        timeout = self.claim.timeout
        self.deadline = None if timeout is None else time.monotonic() + timeout

    def ask(self, wish: Wish, now: float) -> None:
        """Ask the handler to end; ``now`` (monotonic seconds) is when its grace begins."""
        if getattr(self, wish):
            return
        setattr(self, wish, True)
        self.asked_at = now if self.asked_at is None else self.asked_at
        if self.hear is not None:
            self.hear(wish)

    def wishes(self) -> list[Wish]:
        """Return the wishes that were made."""
        return [wish for wish in get_args(Wish) if getattr(self, wish)]

    def should_stop(self) -> bool:
        return self.asked_at is not None

    def outcome_of(self, error: BaseException) -> Outcome:
        """Return the outcome that an error means, given the wishes about the run."""
        outcome = self._outcome_of(error)
        if self.is_private:
            return outcome if isinstance(error, (Keyless, ChildDied)) else encryption.close_outcome(outcome)
        return encryption.keep_outcome_plain(outcome)

    def completed(self, value: Any, files: tuple[tuple[str, str], ...]) -> Outcome:
        """Return the outcome of a handler that returned ``value``."""
        outcome = completed(value, files)
        return (encryption.close_outcome if self.is_private else encryption.keep_outcome_plain)(outcome)

    def _outcome_of(self, error: BaseException) -> Outcome:
        if self.timed_out:
            return ended_by(self.claim, TimedOut(f"it ran past its timeout of {self.claim.timeout:g} s"))
        if self.cancel_asked:
            return ended_by(self.claim, error, cancel_asked=True)
        if self.stop_asked and not isinstance(error, (Fail, Cancel, Snooze)):
            return stopped_by(error)
        return ended_by(self.claim, error)


class _Here:
    """The process id, read once and not for each job."""

    def __init__(self) -> None:
        self.look()

    def look(self) -> None:
        self.pid = os.getpid()


_here = _Here()
os.register_at_fork(after_in_child=_here.look)


def known(run: Run) -> Task[..., Any]:
    if run.task is None:
        raise NotFound(f"this worker does not know the task {run.claim.task}")
    return run.task


def execute(run: Run, ctx: Context | None) -> Outcome:
    """Run a handler in this thread; every exception becomes an outcome.

    ``ctx`` is None if the handler takes no context.
    """
    here = _here.pid
    try:
        task = run.task or known(run)
        if task.is_async:
            return asyncio.run(_execute_within_timeout(run, ctx))
        value = task.function(**_arguments(task, run, ctx))
        if _here.pid != here:
            _end_fork()
        return run.completed(value, () if ctx is None else tuple(ctx.staged))
    except BaseException as error:  # noqa: BLE001 - SystemExit from a handler ends its attempt, not its worker
        if _here.pid != here:
            _end_fork(error)
        return run.outcome_of(error)


async def execute_async(run: Run, ctx: Context | None) -> Outcome:
    """Run an async handler in the running event loop; the caller enforces its timeout."""
    here = _here.pid
    try:
        task = run.task or known(run)
        value = await task.function(**_arguments(task, run, ctx))
        if _here.pid != here:
            _end_fork()
        return run.completed(value, () if ctx is None else tuple(ctx.staged))
    except BaseException as error:  # noqa: BLE001 - see execute
        if _here.pid != here:
            _end_fork(error)
        return run.outcome_of(error)


async def _execute_within_timeout(run: Run, ctx: Context | None) -> Outcome:
    asked = asyncio.get_running_loop()
    handler = asyncio.current_task()
    assert handler is not None

    def end() -> None:
        run.ask("timed_out", time.monotonic())
        handler.cancel()

    timer = None if run.claim.timeout is None else asked.call_later(run.claim.timeout, end)
    try:
        return await execute_async(run, ctx)
    finally:
        if timer is not None:
            timer.cancel()


def _end_fork(error: BaseException | None = None) -> None:
    """End a fork that returned from the handler: it must not continue as a second worker."""
    code = 0 if error is None else 1
    with suppress(BaseException):
        if isinstance(error, SystemExit):
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code & 0xFF)


def _arguments(task: Task[..., Any], run: Run, ctx: Context | None) -> dict[str, Any]:
    args = run.claim.args
    text = _revealed(args) if run.is_private else args
    try:
        arguments = task.decode(text)
    except ArgumentError as error:  # every retry would fail alike
        raise Fail(f"{error}") from None
    if task.wants_context:
        arguments["ctx"] = ctx
    return arguments


def _revealed(args: str) -> str:
    try:
        return encryption.reveal(args)
    except encryption.KeyMissing as error:
        raise Keyless(WITHOUT_KEY, str(error)) from None
    except encryption.Tampered as error:
        raise Fail(str(error)) from None
