"""Listens for new work on one connection and wakes the waiting threads of this process.

Notifications are a shortcut and no guarantee: a waiting worker also polls once a second. Behind a pooler that lends
connections for single transactions, LISTEN does not work and the workers only poll.
"""

import os
import select
import threading
import time
from contextlib import suppress

import psycopg

from pqkit.db import fork_safety
from pqkit.db.postgresql.connector import CALM, Connection, Opener
from pqkit.db.postgresql.server_transaction import CHANNEL
from pqkit.db.sqlite.commit_watcher import Wake

TRY_AGAIN = 1.0
LOOK_UP = 10.0
"""Seconds that the connection may outlive its last waiter; a broken connection is noticed at once."""


class NotifiedWake(Wake):
    """Wakes also when new work is announced."""

    def __init__(self, listener: "Listener") -> None:
        read_end, self._told_end = os.pipe()
        os.set_blocking(self._told_end, False)
        super().__init__(read_end)
        self._listener = listener
        listener.add(self)

    def tell(self) -> None:
        with suppress(BlockingIOError):  # full: the waiter wakes anyway
            os.write(self._told_end, b"x")

    def close(self) -> None:
        self._listener.remove(self)
        os.close(self._told_end)
        super().close()


class Listener(fork_safety.AtFork):
    """Has a thread and a connection while a thread of this process waits for work.

    ``heard`` counts announcements.
    """

    _thread: threading.Thread | None

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self.in_child()
        self.join_forks()

    def add(self, wake: NotifiedWake) -> None:
        fork_safety.notice()
        with self._mutex:
            self._wakes.add(wake)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
                self._thread.start()

    def remove(self, wake: NotifiedWake) -> None:
        with self._mutex:
            self._wakes.discard(wake)

    def in_child(self) -> None:
        """Reset: the thread does not exist in a child."""
        self.heard = 0
        self._mutex = threading.Lock()
        self._wakes: set[NotifiedWake] = set()
        self._thread = None

    def _run(self) -> None:
        while self._wanted():
            try:
                with self._opener.open(CALM) as connection:
                    if self._opener.pooled:
                        return
                    self._listen(connection)
            except psycopg.Error:
                time.sleep(TRY_AGAIN)

    def _listen(self, connection: Connection) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        self._tell_all()  # for work that came before LISTEN
        while self._wanted():
            # The driver's own wait polls ten times a second. Notifications that came together count as one.
            select.select([connection], [], [], LOOK_UP)
            if list(connection.notifies(timeout=0)):
                self._tell_all()

    def _wanted(self) -> bool:
        """True if a thread waits; if none does, the listener's thread ends."""
        with self._mutex:
            if not self._wakes:
                self._thread = None
            return bool(self._wakes)

    def _tell_all(self) -> None:
        with self._mutex:
            self.heard += 1
            for wake in self._wakes:
                wake.tell()
