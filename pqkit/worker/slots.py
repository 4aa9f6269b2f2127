"""A worker's slots: threads for sync tasks, an event loop for async ones, child processes."""

import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from pqkit.db import Database, Wake
from pqkit.domain.context import Context
from pqkit.domain.outcomes import Claim, Outcome, put_off, summarize
from pqkit.domain.tasks import find
from pqkit.log import get_logger
from pqkit.queue import Finished
from pqkit.worker.attempt import Report, attempt, conclude, make_context
from pqkit.worker.child_process import CannotStart, Child
from pqkit.worker.event_loop import EventLoop
from pqkit.worker.executor import Run, execute, execute_async

LOOK_EVERY = 1.0
Spawn = Callable[[], Child]
Expect = Callable[[Run], None]


class SlotDied(Exception):
    """The thread that ran the attempt has ended."""


class Ended(NamedTuple):
    """Ended attempts: those still to write, and those that handlers' sessions have committed.

    It is false when there are none.
    """

    unwritten: list[Finished]
    written: list[Finished]

    def __bool__(self) -> bool:
        return bool(self.unwritten or self.written)


class Slots:
    """Runs claims, at most ``size`` at once; ended attempts wait in a deque until ``take``.

    ``wake`` is set when attempts should be taken. A permit is the right to run one claim, in a thread, a child or the
    event loop.
    """

    def __init__(self, size: int, database: Database, wake: Wake, report: Report, spawn: Spawn) -> None:
        self.size = size
        self.running: dict[int, Run] = {}
        self._held = 0
        self._database, self._wake, self._report, self._spawn = database, wake, report, spawn
        self._queued: deque[Claim] = deque()
        self._bell: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._unwritten: deque[Finished] = deque()
        self._written: deque[Finished] = deque()
        self._threads: list[threading.Thread] = []
        self._numbers = count()
        self._next_look = 0.0
        self._permits: deque[None] = deque([None] * size)
        self._loop: EventLoop | None = None
        self._making = threading.Lock()
        self._contexts: dict[Run, Context | None] = {}
        self._log = get_logger("worker")
        self._own = threading.local()
        self.expect: Expect = lambda _run: None
        """Called with each run right before its handler begins."""

    @property
    def held(self) -> int:
        """Number of claims that are running, queued here, or ended and not yet taken."""
        return self._held

    @property
    def any_ended(self) -> bool:
        return bool(self._unwritten or self._written)

    @property
    def starved(self) -> bool:
        """True if no claim waits for a slot."""
        return not self._queued

    def start(self, claims: Sequence[Claim]) -> None:
        """Run these claims as slots become free."""
        self._held += len(claims)
        self._queued.extend(claims)
        wanted = len(self._queued) + len(self.running)
        if all(map(_is_for_the_loop, {claim.task for claim in claims})):
            wanted = 1  # one thread hands them to the loop
        while len(self._threads) < min(self.size, wanted):
            self._threads.append(self._new_thread())
        self._ring()

    def take(self) -> Ended:
        """Return the attempts that have ended since the last take."""
        unwritten, written = (
            [ended.popleft() for _ in range(len(ended))] for ended in (self._unwritten, self._written)
        )
        self._held -= len(unwritten) + len(written)
        return Ended(unwritten, written)

    def give_back(self, ended: Ended) -> None:
        """Put back attempts that could not be written yet."""
        self._held += len(ended.unwritten) + len(ended.written)
        self._unwritten.extendleft(reversed(ended.unwritten))
        self._written.extendleft(reversed(ended.written))

    def known(self) -> set[int]:
        """Return the jobs that run here or are not yet taken; not those that wait for a slot."""
        return {*self.running, *(ended.claim.job_id for ended in (*list(self._unwritten), *list(self._written)))}

    def take_queued(self) -> list[Claim]:
        """Return the claims that have not started, and drop them."""
        claims = []
        while (claim := self._next()) is not None:
            claims.append(claim)
        self._held -= len(claims)
        return claims

    def mend(self) -> None:
        """Replace dead slots, and end the runs that died with them as failed."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_EVERY
        for number, thread in enumerate(self._threads):
            if not _lives(thread):
                self._log.error("a slot has died and is replaced", slot=thread.name)
                self._permits.extend([None] * self._drop_runs(thread, SlotDied("the slot that ran it died")))
                self._threads[number] = self._new_thread()
                self._bell.put(True)
        if self._loop is not None and not self._loop.alive:
            self._log.error("the event loop has died and is replaced")
            lost, self._loop = self._loop.lost(), None
            for run in lost:
                self._end_async(run, run.outcome_of(SlotDied("the event loop that ran it died")))

    def close(self) -> None:
        """End idle threads and children; threads inside a handler last until the process ends."""
        for _ in self._threads:
            self._bell.put(False)
        if self._loop is not None:
            self._loop.close()

    def _new_thread(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name=f"slot-{next(self._numbers)}", daemon=True)
        thread.start()
        return thread

    def _ring(self) -> None:
        """Wake one idle thread, which wakes the next if work is left.

        So few threads wake for short jobs.
        """
        if self._queued and self._bell.empty():
            self._bell.put(True)

    def _next(self) -> Claim | None:
        try:
            return self._queued.popleft()
        except IndexError:
            return None

    def _work(self) -> None:
        while not self._work_on():
            pass
        child: Child | None = getattr(self._own, "child", None)
        if child is not None:
            child.close()

    def _work_on(self) -> bool:
        """Serve until told to end; false if an exception was thrown into this thread from outside."""
        me, permitted = threading.current_thread(), False
        try:
            while self._bell.get():
                while permitted := self._take_permit():
                    if not self._serve(me):
                        break
                permitted = False
        except BaseException as error:  # noqa: BLE001 - a handler may throw exceptions into any thread, at any time
            self._log.error("something was thrown into a slot, which goes on", error=summarize(error))
            self._drop_runs(me, error)
            if permitted:
                self._permits.append(None)
            self._ring()
            return False
        return True

    def _serve(self, me: threading.Thread) -> bool:
        """Run claims one at a time; true if the event loop took the permit, false if none is left."""
        while (claim := self._next()) is not None:
            self._ring()
            run = self._begin(claim)
            run.thread = me
            if run.task is not None and run.task.is_async and run.task.policy.isolation == "thread":
                self._start_async(run)
                run.thread = None
                return True
            self._end(run, *self._run(run))
        self._permits.append(None)
        self._ring()  # for a new claim whose thread found no permit
        return False

    def _take_permit(self) -> bool:
        try:
            self._permits.pop()
        except IndexError:
            return False
        return True

    def _drop_runs(self, thread: threading.Thread, error: BaseException) -> int:
        """End the thread's runs, whose handlers were interrupted; return their number."""
        dropped = [run for run in list(self.running.values()) if run.thread is thread]
        for run in dropped:
            self._end(run, run.outcome_of(error), written=False)
        return len(dropped)

    def _run(self, run: Run) -> tuple[Outcome, bool]:
        try:
            return self._attempt(run)
        except BaseException as error:  # noqa: BLE001 - the job must not stay here forever
            return run.outcome_of(error), False

    def _attempt(self, run: Run) -> tuple[Outcome, bool]:
        if run.task is None or run.task.policy.isolation != "process":
            return attempt(self._database, run, execute, self._report)
        claim, run.deadline = run.claim, None  # its timeout counts once its child is ready
        try:
            child = self._child()
        except CannotStart as error:  # no file, thread or memory: not the job's fault
            return put_off(f"its child process cannot start: {error}"), False
        return child.execute(run, lambda fraction, text: self._report(claim, fraction, text))

    def _child(self) -> Child:
        child: Child | None = getattr(self._own, "child", None)
        if child is None or not child.alive:
            if child is not None:
                self._own.child = None
                child.close()
            child = self._own.child = self._spawn()
        return child

    def _start_async(self, run: Run) -> None:
        """Hand the run to the event loop, with its permit."""
        if self._loop is None:
            with self._making:
                self._loop = self._loop or EventLoop(self._async_ended, self.expect)
        ctx = make_context(self._database, run, self._report) if run.wants_context else None
        self._contexts[run] = ctx
        self._loop.start(run, lambda: self._handle(run, ctx))

    async def _handle(self, run: Run, ctx: Context | None) -> Outcome:
        return await execute_async(run, ctx)

    def _async_ended(self, run: Run, outcome: Outcome) -> None:
        """End a run, in the loop's thread, which must not wait for the database."""
        ctx = self._contexts.pop(run)
        if ctx is not None and (ctx.opened is not None or ctx.staged):
            threading.Thread(target=self._conclude, args=(run, ctx, outcome), name="conclude", daemon=True).start()
        else:
            self._end_async(run, outcome)

    def _conclude(self, run: Run, ctx: Context, outcome: Outcome) -> None:
        try:
            outcome, written = conclude(self._database, run, ctx, outcome)
        except BaseException as error:  # noqa: BLE001 - see _run
            outcome, written = run.outcome_of(error), False
        self._end_async(run, outcome, written=written)

    def _end_async(self, run: Run, outcome: Outcome, *, written: bool = False) -> None:
        self._end(run, outcome, written)
        self._permits.append(None)
        self._ring()

    def _begin(self, claim: Claim) -> Run:
        run = self.running[claim.job_id] = Run(claim, self._database.now())
        self.expect(run)
        return run

    def _end(self, run: Run, outcome: Outcome, written: bool) -> None:
        del self.running[run.claim.job_id]
        first = not self._unwritten and not self._written
        ended = self._written if written else self._unwritten
        ended.append(Finished(run.claim, outcome, run.started_at, run.moment))
        if first or not self._queued:
            self._wake.set()


def _lives(thread: threading.Thread) -> bool:
    """Return true if the thread lives. If C code ended it, only the kernel knows."""
    return thread.is_alive() and (sys.platform != "linux" or Path(f"/proc/self/task/{thread.native_id}").exists())


def _is_for_the_loop(name: str) -> bool:
    task = find(name)
    return task is not None and task.is_async and task.policy.isolation == "thread"
