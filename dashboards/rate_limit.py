"""Rate limits for pages without a login, shared by all sessions of the process."""

import threading
import time
from collections import deque


class Throttle:
    """Lets through at most ``most`` calls in any ``seconds``, over all sessions of this process.

    A client may send any number of hand-made messages to a page.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._passed: deque[float] = deque(maxlen=most)
        self._mutex = threading.Lock()

    def wait(self, now: float | None = None) -> float:
        """Seconds until the next call may pass; 0 if this one passed. ``now``: monotonic seconds."""
        now = time.monotonic() if now is None else now
        with self._mutex:
            if len(self._passed) == self._most and (left := self._passed[0] + self._seconds - now) > 0:
                return left
            self._passed.append(now)
            return 0.0
