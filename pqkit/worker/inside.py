"""The inside of a child process: ``python -m pqkit.worker.inside FD PARENT MODULE…``."""

import json
import os
import queue
import signal
import socket
import sys
import threading
from typing import Any

from pqkit.executor import Run, execute
from pqkit.outcome import Claim
from pqkit.process import die_with_parent
from pqkit.queue import get_queue
from pqkit.worker.attempt import attempt
from pqkit.worker.tasks import import_tasks


class Inside:
    """Runs the claims that come down the socket, one after the other; a thread listens for the wish to stop."""

    def __init__(self, connection: socket.socket, url: str) -> None:
        self._connection, self._url = connection, url
        self._claims: queue.SimpleQueue[Claim | None] = queue.SimpleQueue()
        self._run: Run | None = None
        self._sending = threading.Lock()

    def serve(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        self._send({"ready": True})
        while (claim := self._claims.get()) is not None:
            self._serve_one(claim)

    def _serve_one(self, claim: Claim) -> None:
        database = get_queue(self._url, create=False).database
        self._run = run = Run(claim, database.now())
        outcome, written = attempt(database, run, execute, self._report)
        self._run = None
        self._send({"outcome": list(outcome), "written": written})

    def _listen(self) -> None:
        for line in self._connection.makefile("r", encoding="utf-8"):
            message: dict[str, Any] = json.loads(line)
            if "claim" in message:
                self._claims.put(Claim(*message["claim"]))
            elif self._run is not None:
                self._run.ask(message["wish"], 0.0)
        self._claims.put(None)

    def _report(self, _claim: Claim, fraction: float | None, text: str) -> None:
        self._send({"fraction": fraction, "text": text})

    def _send(self, message: dict[str, Any]) -> None:
        with self._sending:
            self._connection.sendall(json.dumps(message).encode() + b"\n")


def main() -> None:
    descriptor, parent, *modules = sys.argv[1:]
    die_with_parent(signal.SIGKILL, int(parent))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_tasks(modules)
    Inside(socket.socket(fileno=int(descriptor)), os.environ["PQKIT_URL"]).serve()


if __name__ == "__main__":
    main()
