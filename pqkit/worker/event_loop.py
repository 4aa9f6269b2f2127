"""The event loop of async handlers: survives their exceptions and detects a blocking one."""

import asyncio
import contextvars
import sys
import threading
import time
from asyncio import events
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from typing import Any

from pqkit.domain.outcomes import Outcome, summarize
from pqkit.log import get_logger
from pqkit.worker.executor import Run, Wish

LOOK = 0.1
"""Seconds for which the loop may be busy before the other runs' deadlines move."""
LOUD_AFTER = 1.0

_RUN: contextvars.ContextVar[Run] = contextvars.ContextVar("run")
_STEP = events.Handle._run.__code__  # noqa: SLF001 - every step of a task runs through it

Handler = Callable[[], Coroutine[Any, Any, Outcome]]
Done = Callable[[Run, Outcome], None]


class _Threads(ThreadPoolExecutor):
    """The loop's default threads, as ``asyncio.to_thread`` uses them, with the run of each."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="event-loop")
        self._work: dict[Run, set[Future[Any]]] = {}

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future = super().submit(fn, *args, **kwargs)
        run = _RUN.get(None)
        if run is not None:
            self._work.setdefault(run, set()).add(future)
            future.add_done_callback(lambda done: self._forget(run, done))
        return future

    def _forget(self, run: Run, future: "Future[Any]") -> None:
        work = self._work.get(run, set())
        work.discard(future)
        if not work:
            self._work.pop(run, None)

    def left(self, run: Run) -> "set[Future[Any]]":
        """Return the unfinished work of a run that has ended."""
        return {future for future in self._work.pop(run, ()) if not future.done()}


class EventLoop:
    """Runs handlers in its own thread, where it calls ``expect`` before and ``done`` after each.

    ``done`` is called however the handler ends.
    """

    def __init__(self, done: Done, expect: Callable[[Run], None]) -> None:
        self._done, self._expect = done, expect
        self._runs: dict[Run, asyncio.Task[Outcome] | None] = {}
        self._loop = asyncio.new_event_loop()
        self._threads = _Threads()
        self._loop.set_default_executor(self._threads)
        self._closed = False
        self._busy = threading.Event()
        self._log = get_logger("worker")
        self._thread = threading.Thread(target=self._serve, name="event-loop", daemon=True)
        self._thread.start()
        threading.Thread(target=self._watch, name="event-loop-watch", daemon=True).start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self, run: Run, handler: Handler) -> None:
        """Run a handler; its timeout counts from its first step. Callable from any thread."""
        run.deadline = None
        self._runs[run] = None
        self._busy.set()
        self._loop.call_soon_threadsafe(self._begin, run, handler)

    def close(self) -> None:
        self._closed = True
        self._busy.set()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _serve(self) -> None:
        while not self._closed and not self._loop.is_closed():
            try:
                self._loop.run_forever()
            except BaseException as error:  # noqa: BLE001 - a SystemExit in a handler's own task arrives here
                self._log.error("something in the event loop raised what ends programs", error=summarize(error))

    def _begin(self, run: Run, handler: Handler) -> None:
        try:
            context = contextvars.copy_context()
            context.run(_RUN.set, run)
            task = self._loop.create_task(handler(), context=context)
        except BaseException as error:  # noqa: BLE001 - a handler may have set a task factory that fails
            self._end(run, run.outcome_of(error))
            return
        self._runs[run] = task
        task.add_done_callback(lambda ended: self._has_ended(run, _outcome(run, ended)))

        def cancel() -> None:
            self._loop.call_soon_threadsafe(task.cancel)

        def hear(wish: Wish) -> None:
            if wish != "stop_asked":
                cancel()

        run.force, run.hear = cancel, hear
        run.start_clock()
        self._expect(run)
        self._limit(run, task)

    def _limit(self, run: Run, task: "asyncio.Task[Outcome]") -> None:
        """Time the handler out at its deadline, which moves while another handler blocks the loop."""
        if task.done() or run.deadline is None:
            return
        left = run.deadline - time.monotonic()
        if left <= 0:
            run.ask("timed_out", time.monotonic())
        else:
            self._loop.call_later(left, self._limit, run, task)

    def _has_ended(self, run: Run, outcome: Outcome) -> None:
        """End a run; one that was asked to stop first waits for the threads that still work for it."""
        left = self._threads.left(run)
        if not left or not run.should_stop():
            self._end(run, outcome)
            return
        run.force = None  # only the end of the process ends a thread
        waiting = set(left)

        def ended(future: Future[Any]) -> None:
            waiting.discard(future)
            if not waiting:
                self._loop.call_soon_threadsafe(self._end, run, outcome)

        for future in left:
            future.add_done_callback(ended)

    def _end(self, run: Run, outcome: Outcome) -> None:
        if run in self._runs:
            del self._runs[run]
            self._done(run, outcome)

    def _watch(self) -> None:
        while not self._closed:
            self._busy.wait()
            self._look()
            if not self._runs:
                self._busy.clear()
                if self._runs:
                    self._busy.set()
            time.sleep(LOOK)

    def _look(self) -> None:
        """Wait for the loop's next turn; extend the deadlines of runs that a blocking one delays."""
        turned, since = threading.Event(), time.monotonic()
        try:
            self._loop.call_soon_threadsafe(turned.set)
        except RuntimeError:  # a handler has closed it
            return
        granted, said = since, False
        while not turned.wait(LOOK) and not self._closed:
            now = time.monotonic()
            guilty = self._guilty()
            self._grant(guilty, now + 2 * LOOK - granted)
            granted = now + 2 * LOOK
            if guilty is not None and not said and now - since > LOUD_AFTER:
                said = True
                self._tell(guilty)
        for run in list(self._runs):
            run.blocks = run.held_up = False

    def _grant(self, guilty: Run | None, seconds: float) -> None:
        for run in list(self._runs):
            run.blocks, run.held_up = run is guilty, run is not guilty
            if run is not guilty and run.deadline is not None:
                run.deadline += seconds

    def _tell(self, guilty: Run) -> None:
        claim = guilty.claim
        self._log.warning("an async handler blocks the event loop; the others wait", job=claim.job_id, task=claim.task)

    def _guilty(self) -> Run | None:
        """Return the run that the loop executes; a task that a handler started counts as its run."""
        frame: FrameType | None = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 - no other way
        while frame is not None:
            if frame.f_code is _STEP:
                return frame.f_locals["self"]._context.get(_RUN)  # type: ignore[no-any-return]  # noqa: SLF001
            frame = frame.f_back
        return None

    def lost(self) -> list[Run]:
        """Return the runs of a loop that has ended, and forget them."""
        runs = list(self._runs)
        self._runs.clear()
        return runs


def _outcome(run: Run, task: "asyncio.Task[Outcome]") -> Outcome:
    try:
        return task.result()
    except BaseException as error:  # noqa: BLE001 - another handler canceled it before its first step
        return run.outcome_of(error)
