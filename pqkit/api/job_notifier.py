"""Wakes requests that wait for work: one thread listens to the database for all of them."""

import asyncio
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from pqkit.errors import DatabaseUnavailable
from pqkit.queue import Queue

QUIET = 0.02
"""Minimum seconds between two rings."""


class Bell:
    """Rings after commits while a request waits; a context manager in a running event loop."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._waiting: set[asyncio.Event] = set()
        self._wanted, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._listen, name="bell", daemon=True)

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._wanted.set()
        self._thread.join()

    async def heard(self, seconds: float) -> None:
        """Wait for the next ring, at most ``seconds``."""
        mine = asyncio.Event()
        self._waiting.add(mine)
        self._wanted.set()
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(mine.wait(), seconds)
        finally:
            self._waiting.discard(mine)

    def _listen(self) -> None:
        self._wanted.wait()
        while not self._done.is_set():
            with suppress(DatabaseUnavailable), self._queue.listen() as wait:
                while not self._done.is_set():
                    wait(0.5)
                    with suppress(RuntimeError):  # the loop has ended
                        self._loop.call_soon_threadsafe(self._ring)
                    self._done.wait(QUIET)
                    self._wanted.wait()
            self._done.wait(QUIET)

    def _ring(self) -> None:
        for each in self._waiting:
            each.set()
        self._wanted.clear()
