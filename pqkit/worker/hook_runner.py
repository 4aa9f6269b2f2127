"""Calls the user's hooks in their own thread, so that a slow or broken hook delays no job."""

import threading
import time
from collections.abc import Collection

from pqkit.db import Database
from pqkit.domain import tasks
from pqkit.domain.hooks import registry
from pqkit.domain.outcomes import summarize
from pqkit.errors import DatabaseUnavailable
from pqkit.leasing.pending_hooks import Call, HookCalls
from pqkit.log import get_logger

LOOK_EVERY = 1.0
ANNOUNCED_EVERY = 3_600.0
WRITTEN_EVERY = 1.0
"""Seconds between two records of the calls made: after a crash, at most these calls are repeated."""


class Hooked:
    """The hooks of one process; without hooks, it starts no thread."""

    def __init__(
        self, database: Database, caller: int, *, tasks: Collection[str] = tasks.registry, hold: int = 0
    ) -> None:
        """Ends of ``tasks`` are reported at once, from every process that wrote them.

        ``hold`` is for a process that is no worker: the microseconds for which others leave it the ends that it wrote.
        """
        self._calls, self._tasks = HookCalls(database, caller), tasks
        self._database, self._caller, self._hold = database, caller, hold
        self._thread: threading.Thread | None = None
        self._something, self._done = threading.Event(), threading.Event()
        self._announced = float("-inf")
        self._log = get_logger("hooks")

    def start(self) -> None:
        """Start the thread. Call it before this process writes an end."""
        if registry:
            self._database.hooked.serve(self._caller, frozenset(registry), self._hold)
            self._thread = threading.Thread(target=self._run, name="hooks", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look for calls now: ends have been committed."""
        if self._thread is not None:
            self._something.set()

    def stop(self, patience: float) -> None:
        """Make this process's calls for at most ``patience`` seconds; other processes make the rest."""
        if self._thread is not None:
            self._done.set()
            self._something.set()
            self._thread.join(patience)

    def _run(self) -> None:
        while not self._done.is_set():
            self._look()
            self._something.wait(LOOK_EVERY)
            self._something.clear()
        self._look()

    def _look(self) -> None:
        """Announce the hooks every hour, and call them; if the database is away, retry later."""
        try:
            if time.monotonic() - self._announced > ANNOUNCED_EVERY:
                self._calls.announce(registry)
                self._announced = time.monotonic()
            while self._call_some() or self._take_over():
                pass
        except DatabaseUnavailable as error:
            self._log.error("hooks wait for the database", error=str(error))

    def _take_over(self) -> bool:
        return not self._done.is_set() and self._calls.take_over(registry, self._tasks)

    def _call_some(self) -> bool:
        calls = self._calls.mine()
        made: list[Call] = []
        begun = time.monotonic()
        for call in calls:
            self._call(call)
            made.append(call)
            if time.monotonic() - begun > WRITTEN_EVERY:
                self._calls.made(made)
                made, begun = [], time.monotonic()
        if made:
            self._calls.made(made)
        return bool(calls)

    def _call(self, call: Call) -> None:
        for hook in registry.get(call.end.state, ()):
            try:
                hook(call.end)
            except BaseException as error:  # noqa: BLE001 - the next hook must be called regardless
                name = getattr(hook, "__name__", "?")
                self._log.error("a hook failed", hook=name, job=call.end.job_id, error=summarize(error))
