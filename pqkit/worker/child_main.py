"""Main of a child process: ``python -m pqkit.worker.child_main FD PARENT MODULE…``."""

import json
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

from pqkit.domain.outcomes import Claim, put_off, summarize
from pqkit.errors import PqkitError
from pqkit.process.linux import die_with_parent, on_stop
from pqkit.queue import get_queue
from pqkit.worker.attempt import attempt
from pqkit.worker.executor import Run, Wish, execute
from pqkit.worker.task_import import import_tasks


class Inside:
    """Runs the claims from the socket one at a time; a thread listens for wishes to stop."""

    def __init__(self, connection: socket.socket, url: str) -> None:
        self._connection, self._url = connection, url
        self._claims: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self._run: Run | None = None
        self._early: list[Wish] = []
        """Wishes about a claim whose run has not begun here."""
        self._asking = threading.Lock()
        self._sending = threading.Lock()

    def serve(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        while (claim := self._claims.get()) is not None:
            self._serve_one(claim)

    def start(self, modules: Sequence[str]) -> bool:
        """Import the tasks and report a failure to the worker."""
        trouble = None
        try:
            import_tasks(modules)
        except BaseException as error:  # noqa: BLE001 - the worker reports every failure
            trouble = summarize(error)
        self._send({"trouble": trouble})
        return trouble is None

    def stop(self, _number: int) -> None:
        """Pass a stop signal of the whole group on to the handler; the worker decides when to end."""
        run = self._run
        if run is not None:
            run.ask("stop_asked", 0.0)

    def _serve_one(self, claim: Claim) -> None:
        try:
            database = get_queue(self._url, create=False).database
            run = self._begin(Run(claim, database.now()))
        except PqkitError as error:
            self._send({"outcome": list(put_off(summarize(error))), "written": False})
            return
        try:
            outcome, written = attempt(database, run, execute, self._report)
        except BaseException as error:  # noqa: BLE001 - as in a slot
            outcome, written = run.outcome_of(error), False
        self._run = None
        self._send({"outcome": list(outcome), "written": written})

    def _begin(self, run: Run) -> Run:
        with self._asking:
            self._run = run
            for wish in self._early:
                run.ask(wish, 0.0)
        return run

    def _listen(self) -> None:
        for line in self._connection.makefile("r", encoding="utf-8"):
            message: dict[str, Any] = json.loads(line)
            with self._asking:
                if "claim" in message:
                    self._early = []  # a wish before the claim was about the previous run
                    self._claims.put(Claim(*message["claim"]))
                elif self._run is not None:
                    self._run.ask(message["wish"], 0.0)
                else:
                    self._early.append(message["wish"])
        self._claims.put(None)

    def _report(self, _claim: Claim, fraction: float | None, text: str) -> None:
        self._send({"fraction": fraction, "text": text})

    def _send(self, message: dict[str, Any]) -> None:
        with self._sending:
            self._connection.sendall(json.dumps(message).encode() + b"\n")


def main() -> None:
    descriptor, parent, *modules = sys.argv[1:]
    die_with_parent(signal.SIGKILL, int(parent))
    inside = Inside(socket.socket(fileno=int(descriptor)), os.environ["PQKIT_URL"])
    on_stop(inside.stop, [signal.SIGTERM])
    if inside.start(modules):
        inside.serve()


if __name__ == "__main__":
    main()
