"""A helper process that sends a worker's heartbeats while a handler holds Python's lock.

It is forked before the worker opens anything, and opens the database only when the worker has been silent for a while.
It never beats for a process that has ended, restarted or been stopped by a signal. It kills a worker that is silent for
longer than a handler may run, before its leases can end, so that no run of a job overlaps the next one.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from pqkit.db import Database, connect, system_clock
from pqkit.errors import PqkitError
from pqkit.log import get_logger
from pqkit.process.linux import die_with_parent
from pqkit.settings import Settings
from pqkit.sql import compiled as sql
from pqkit.worker.executor import Run

LONGEST_LEASES = 20
"""Number of lease durations for which a handler without a timeout may hold Python's lock."""
SILENT_PART = 0.25
SPARE = 5.0


class Pulse:
    """The worker's side: tells the helper that Python runs, and how long it may be silent.

    It does so at each heartbeat interval.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._grace = settings, settings.grace + SPARE
        self._worker, self.until = 0, 0.0
        """Monotonic seconds at which the helper kills this worker, as told last."""
        self._first: Run | None = None
        self._runs: Callable[[], list[Run]] = list
        self._done = threading.Event()
        told, self._tells = os.pipe()
        os.set_blocking(self._tells, False)
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._tells)
            _serve(told, parent, settings)
        os.close(told)

    def start(self, worker_id: int, runs: Callable[[], list[Run]]) -> None:
        self._worker, self._runs = worker_id, runs
        threading.Thread(target=self._serve, name="pulse", daemon=True).start()

    def expect(self, run: Run) -> None:
        """Tell the helper at once if the first deadline changes with this run.

        The run's handler begins now and may take the lock before the worker's next message.
        """
        sooner = run.deadline is not None and run.deadline + self._grace < self.until
        if sooner or (self._first is not None and self._first not in self._runs()):
            self._tell()

    def stop(self) -> None:
        """End the helper; no process beats for a silent worker from now on."""
        self._done.set()
        with suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def _serve(self) -> None:
        while self._tell():
            if self._done.wait(self._settings.heartbeat):
                return
        self._say_it_is_gone()

    def _tell(self) -> bool:
        """Tell the helper that the interpreter runs; return false if the helper has ended."""
        limited = [run for run in self._runs() if run.deadline is not None]
        self._first = min(limited, key=lambda run: run.deadline or 0.0, default=None)
        self.until = self._until(self._first)
        with suppress(BlockingIOError):
            try:
                os.write(self._tells, f"{self._worker} {self.until}\n".encode())
            except BrokenPipeError:
                return False
        return True

    def _until(self, first: Run | None) -> float:
        """Return the monotonic time until which silence is allowed: the first deadline plus grace."""
        longest = time.monotonic() + LONGEST_LEASES * self._settings.rescue_after
        return longest if first is None or first.deadline is None else min(longest, first.deadline + self._grace)

    def _say_it_is_gone(self) -> None:
        if not self._done.is_set():
            get_logger("worker").warning(
                "the helper has ended that beats for this worker while a handler holds Python's lock"
            )


def _serve(told: int, parent: int, settings: Settings) -> None:
    """Run the helper until the worker ends; does not return."""
    die_with_parent(signal.SIGKILL, parent)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # meant for the worker, which ends the helper
        signal.signal(number, signal.SIG_IGN)
    with suppress(BaseException):
        _Helper(told, parent, settings).serve()
    os._exit(0)


class _Helper:
    def __init__(self, told: int, parent: int, settings: Settings) -> None:
        self.until, self._parent, self._settings = told, parent, settings
        self._worker, self._until = 0, 0.0
        self._database: Database | None = None
        self._said = False

    def serve(self) -> None:
        heard, patience = time.monotonic(), self._settings.rescue_after * SILENT_PART
        while os.getppid() == self._parent:
            if select.select([self.until], [], [], self._settings.heartbeat)[0]:
                if not self._read():
                    return
                heard, self._said = time.monotonic(), False
            elif self._worker and time.monotonic() - heard > patience and not self._stand_in(heard):
                return

    def _read(self) -> bool:
        lines = os.read(self.until, 65536).split(b"\n")
        if len(lines) > 1:
            worker, until = lines[-2].split()
            self._worker, self._until = int(worker), float(until)
        return len(lines) > 1

    def _stand_in(self, heard: float) -> bool:
        """Beat for the worker; return false if there is nothing more to do."""
        if system_clock.is_stopped(self._parent):
            return True  # a frozen worker must lose its leases: it may never continue
        log = get_logger("worker")
        if time.monotonic() > self._until:
            seconds = round(time.monotonic() - heard)
            log.error("a handler has held Python's lock for too long: the worker is killed", seconds=seconds)
            os.kill(self._parent, signal.SIGKILL)
            return False
        if not self._said:
            self._said = True
            log.warning("a handler holds Python's lock: a helper beats for the worker", pid=self._parent)
        try:
            return self._beat()
        except PqkitError:
            return True

    def _beat(self) -> bool:
        if self._database is None:
            self._database = connect(self._settings.url, self._settings.durability)
        moment = (*self._database.lease_moment(), self._database.now(), self._database.machine_clock())
        memory = system_clock.memory(self._parent)
        return bool(self._database.write_one(sql.BEAT, *moment, memory, None, self._worker))
