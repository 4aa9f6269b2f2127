"""The slots of a worker: threads for sync tasks, an event loop for async ones, a child per thread for isolated ones."""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pqkit.db import Database, Wake
from pqkit.executor import Run, Wish, execute, execute_async
from pqkit.outcome import Claim, Outcome
from pqkit.queue import Finished
from pqkit.tasks import find
from pqkit.worker.attempt import Report, attempt, conclude, make_context
from pqkit.worker.child import Child

Spawn = Callable[[], Child]


class Ended(NamedTuple):
    """Finished attempts: those that the queue has still to write, and those that their handlers' own sessions have
    committed already. It is false when there are none."""

    unwritten: list[Finished]
    written: list[Finished]

    def __bool__(self) -> bool:
        return bool(self.unwritten or self.written)


class Slots:
    """Runs claims, several at once; what has ended waits in a deque until ``take``. ``wake`` is set when it should."""

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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own = threading.local()

    @property
    def held(self) -> int:
        """Claims that are running or queued here, or ended and not yet taken."""
        return self._held

    @property
    def any_ended(self) -> bool:
        return bool(self._unwritten or self._written)

    @property
    def starved(self) -> bool:
        """No claim waits for a slot."""
        return not self._queued

    def start(self, claims: Sequence[Claim]) -> None:
        """Run these claims as slots come free."""
        self._held += len(claims)
        for_the_loop = {name for name in {claim.task for claim in claims} if _is_for_the_loop(name)}
        if for_the_loop:
            for claim in claims:
                if claim.task in for_the_loop:
                    self._start_async(claim)
            claims = [claim for claim in claims if claim.task not in for_the_loop]
        self._queued.extend(claims)
        while len(self._threads) < min(self.size, len(self._queued) + len(self.running)):
            self._add_thread()
        self._ring()

    def take(self) -> Ended:
        """What has ended since the last take."""
        unwritten, written = (
            [ended.popleft() for _ in range(len(ended))] for ended in (self._unwritten, self._written)
        )
        self._held -= len(unwritten) + len(written)
        return Ended(unwritten, written)

    def give_back(self, ended: Ended) -> None:
        """Put back what could not be written yet."""
        self._held += len(ended.unwritten) + len(ended.written)
        self._unwritten.extendleft(reversed(ended.unwritten))
        self._written.extendleft(reversed(ended.written))

    def known(self) -> set[int]:
        """The jobs that run here, or have ended and are not yet taken; not those that wait for a slot."""
        return {*self.running, *(ended.claim.job_id for ended in (*list(self._unwritten), *list(self._written)))}

    def take_queued(self) -> list[Claim]:
        """The claims that have not started; they are no longer this pool's."""
        claims = []
        while (claim := self._next()) is not None:
            claims.append(claim)
        self._held -= len(claims)
        return claims

    def close(self) -> None:
        """Let idle threads end and end the children; threads inside a handler are left to the end of the process."""
        for _ in self._threads:
            self._bell.put(False)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"slot-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ring(self) -> None:
        """Wake one idle thread. It wakes the next where there is work for it: short jobs are done before many wake."""
        if self._queued and self._bell.empty():
            self._bell.put(True)

    def _next(self) -> Claim | None:
        try:
            return self._queued.popleft()
        except IndexError:
            return None

    def _work(self) -> None:
        while self._bell.get():
            while (claim := self._next()) is not None:
                self._ring()
                run = self._begin(claim)
                self._end(run, *self._run(run))
        child: Child | None = getattr(self._own, "child", None)
        if child is not None:
            child.close()

    def _run(self, run: Run) -> tuple[Outcome, bool]:
        try:
            return self._attempt(run)
        except Exception as error:  # noqa: BLE001 - whatever it is, the job must not stay here for ever
            return run.outcome_of(error), False

    def _attempt(self, run: Run) -> tuple[Outcome, bool]:
        if run.task is not None and run.task.policy.isolation == "process":
            claim = run.claim
            return self._child().execute(run, lambda fraction, text: self._report(claim, fraction, text))
        return attempt(self._database, run, execute, self._report)

    def _child(self) -> Child:
        child: Child | None = getattr(self._own, "child", None)
        if child is None or not child.alive:
            if child is not None:
                child.close()
            child = self._own.child = self._spawn()
        return child

    def _start_async(self, claim: Claim) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="event-loop", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._run_async(claim), self._loop)

    async def _run_async(self, claim: Claim) -> None:
        run = self._begin(claim)
        ctx = make_context(self._database, run, self._report) if run.wants_context else None
        handler = asyncio.ensure_future(execute_async(run, ctx))
        loop = asyncio.get_running_loop()

        def cancel() -> None:
            loop.call_soon_threadsafe(handler.cancel)

        def hear(wish: Wish) -> None:
            if wish != "stop_asked":
                cancel()

        run.force, run.hear = cancel, hear
        outcome = await handler
        if ctx is not None and (ctx.opened is not None or ctx.staged):
            self._end(run, *await asyncio.to_thread(conclude, self._database, run, ctx, outcome))
        else:
            self._end(run, outcome, written=False)

    def _begin(self, claim: Claim) -> Run:
        run = self.running[claim.job_id] = Run(claim, self._database.now())
        return run

    def _end(self, run: Run, outcome: Outcome, written: bool) -> None:
        del self.running[run.claim.job_id]
        first = not self.any_ended
        ended = self._written if written else self._unwritten
        ended.append(Finished(run.claim, outcome, run.started_at, run.moment))
        if first or not self._queued:
            self._wake.set()


def _is_for_the_loop(name: str) -> bool:
    task = find(name)
    return task is not None and task.is_async and task.policy.isolation == "thread"
