"""A bound on what a page that anybody may use does to the queue: so many times in so many seconds, for all together."""

import threading
import time
from collections import deque


class Throttle:
    """Lets through ``most`` in any ``seconds``, of all sessions of this process: a page is reached by hand-made
    messages too, as many as anybody sends."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._passed: deque[float] = deque(maxlen=most)
        self._mutex = threading.Lock()

    def wait(self, now: float | None = None) -> float:
        """Seconds until one more may pass; 0 where it has just passed. ``now`` is in monotonic seconds."""
        now = time.monotonic() if now is None else now
        with self._mutex:
            if len(self._passed) == self._most and (left := self._passed[0] + self._seconds - now) > 0:
                return left
            self._passed.append(now)
            return 0.0
