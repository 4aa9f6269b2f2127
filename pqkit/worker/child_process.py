"""Child processes for tasks with ``isolation="process"``: one job at a time for each child.

A child is killed at its job's deadline and replaced. Parent and child exchange JSON lines over a socket pair: the
parent sends claims and wishes, the child sends reports and outcomes.
"""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from pqkit.domain.outcomes import ChildDied, Outcome, Stopped, put_off, summarize
from pqkit.domain.states import JobState
from pqkit.process import orphans
from pqkit.process.linux import PYTHON, exit_words
from pqkit.worker.executor import Run
from pqkit.worker.start_environment import Surroundings

Report = Callable[[float | None, str], None]
START_WITHIN = 60.0
INSIDE = "pqkit.worker.child_main"


class CannotStart(Exception):
    """The worker cannot start a child process, with the reason in words."""


class Child:
    """A child process as its parent sees it."""

    def __init__(self, modules: Sequence[str], url: str, around: Surroundings) -> None:
        self._around, self._is_ready, self._mark = around, False, orphans.branch()
        try:
            self._open(modules, url)
        except Exception as error:
            raise CannotStart(f"{summarize(error)}{around.limits_in_words()}") from error

    def _open(self, modules: Sequence[str], url: str) -> None:
        mine, theirs = socket.socketpair()
        self._socket = mine
        with ExitStack() as failed:
            failed.callback(mine.close)
            self._process = self._start(theirs, modules, url, self._around)
            failed.callback(self.kill)
            self._lines = mine.makefile("r", encoding="utf-8")
            threading.Thread(target=self._await_end, name="child-end", daemon=True).start()
            failed.pop_all()
        mine.settimeout(START_WITHIN)

    def _start(
        self, theirs: socket.socket, modules: Sequence[str], url: str, around: Surroundings
    ) -> subprocess.Popen[bytes]:
        with theirs:
            return subprocess.Popen(
                [PYTHON, "-P", "-m", INSIDE, str(theirs.fileno()), str(os.getpid()), *modules],
                pass_fds=[theirs.fileno()],
                # The URL may hold a password, and arguments are visible in the process list.
                env={**around.variables, "PQKIT_URL": url, **({orphans.MARK: self._mark} if self._mark else {})},
                cwd=around.folder,
                umask=around.umask,
                stdin=subprocess.DEVNULL,  # a handler that reads it must neither block nor take input from others
                start_new_session=True,  # Ctrl+C goes to the worker only, and a kill ends the whole group
            )

    def execute(self, run: Run, report: Report) -> tuple[Outcome, bool]:
        """Run one attempt; return the outcome, and true if the child has committed it already.

        The child may be dead afterwards.
        """
        early = None if self._is_ready else self._start_for(run)
        if early is not None:
            return early, False
        run.start_clock()
        try:
            self._send({"claim": list(run.claim)})
            run.hear, run.force = lambda wish: self._send({"wish": wish}), self.kill
            for wish in run.wishes():  # wishes from before ``hear`` was set
                self._send({"wish": wish})
            return self._listen(report, run.deadline)
        except Exception as error:  # noqa: BLE001 - after an invalid message the child is useless
            if isinstance(error, TimeoutError):
                run.timed_out = True
            return run.outcome_of(ChildDied(self._end_words())), False
        finally:
            run.hear = run.force = None

    def _start_for(self, run: Run) -> Outcome | None:
        """Wait until the child is ready, or return the outcome of a run that cannot begin.

        A wish ends the start at once.
        """
        run.hear, run.force = lambda _wish: self._end_group(), self._end_group
        if run.wishes():
            self._end_group()
        trouble = self._started()
        run.hear = None
        self._is_ready = trouble is None and not run.wishes()
        if self._is_ready:
            return None
        self.kill()
        return run.outcome_of(Stopped()) if run.wishes() else put_off(f"its child process cannot start: {trouble}")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill the child and every process that its handlers left, and wait for the child."""
        self._end_group()
        self._process.wait()
        if self._mark:
            orphans.end(self._mark)  # processes that have left the process group

    def _end_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self._lines.close()
        self._socket.close()

    def _started(self) -> str | None:
        """Wait until the child is ready; return the reason if it is not."""
        try:
            ready: dict[str, Any] = json.loads(self._lines.readline())
            trouble: str | None = ready["trouble"]
        except (OSError, ValueError, KeyError, TypeError):
            return self._end_words() + self._around.limits_in_words()
        return trouble

    def _await_end(self) -> None:
        """Shut the connection when the child ends, even if a fork of its handler keeps it open."""
        self._process.wait()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def _listen(self, report: Report, deadline: float | None) -> tuple[Outcome, bool]:
        while True:
            self._socket.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
            line = self._lines.readline()
            if not line:
                raise ConnectionResetError
            message: dict[str, Any] = json.loads(line)
            if "outcome" in message:
                return _outcome(message["outcome"]), message["written"]
            report(message["fraction"], message["text"])

    def _send(self, message: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _end_words(self) -> str:
        self.kill()  # including what a dead child has left in its process group
        return f"the child process ended by {exit_words(self._process.wait())}"


def _outcome(fields: list[Any]) -> Outcome:
    outcome = Outcome(*fields)
    files = tuple((staged, target) for staged, target in outcome.files)
    return outcome._replace(state=JobState(outcome.state), files=files)
