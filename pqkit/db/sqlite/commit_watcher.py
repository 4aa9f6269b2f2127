"""Waits for commits by inotify on SQLite's write-ahead log, or by polling without inotify.

The libraries that wrap inotify wait tens of milliseconds to gather events; a queue needs the first one at once.
"""

import ctypes
import math
import os
import select
import struct
import time
from collections.abc import Callable
from pathlib import Path

_IN_MODIFY, _IN_MOVED_TO, _IN_CREATE = 0x2, 0x80, 0x100
_EVENT = struct.Struct("iIII")
# A commit is written to the log, and synced at durability ``full``, before readers see it.
FIRST_LOOK, GROWTH, LONGEST_LOOK, SETTLED = 0.0001, 1.25, 0.002, 0.05
BLIND_LOOK = 0.01


class Wake:
    """Wakes one waiting thread when another thread calls ``set``, or when ``news`` is readable.

    ``wait`` returns why it ended.
    """

    def __init__(self, news: int | None = None) -> None:
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)
        self._news = news
        self._waits = [fd for fd in (self._read_end, news) if fd is not None]

    @property
    def sees_commits(self) -> bool:
        """False if no descriptor tells of commits: then only ``set`` and time-outs end a wait."""
        return self._news is not None

    def set(self) -> None:
        """Wake the waiter; safe from any thread and from a signal handler."""
        try:
            os.write(self._write_end, b"x")
        except (BlockingIOError, OSError):
            return  # full: the waiter wakes anyway; closed: no thread waits

    def fileno(self) -> int:
        """The end of the pipe for ``signal.set_wakeup_fd``."""
        return self._write_end

    def wait(self, timeout: float) -> str:
        """Wait at most ``timeout`` seconds; return "set", "commit" or "timeout"."""
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            readable, _, _ = select.select(self._waits, [], [], left)
            if self._read_end in readable:
                os.read(self._read_end, 65536)
                return "set"
            if not readable:
                return "timeout"
            if self._is_commit():
                return "commit"

    def wait_for_commit(self, timeout: float, version: Callable[[], int], seen: int) -> str:
        """Wait until ``version()`` differs from ``seen``, which callers read before they query.

        Returns "commit", or "set" or "timeout" as ``wait`` does. After a change of the log, the version is polled for a
        moment until it follows. This process's own writes, such as heartbeats, change the log too.
        """
        end = time.monotonic() + timeout
        while version() == seen:
            if (now := time.monotonic()) >= end:
                return "timeout"
            why = self.wait(min(math.inf if self.sees_commits else BLIND_LOOK, end - now))
            if why == "set" or (why == "commit" and self._set_while_it_settles(version, seen)):
                return "set"
        return "commit"

    def _set_while_it_settles(self, version: Callable[[], int], seen: int) -> bool:
        """Poll with growing pauses until the version follows a change of the log.

        Polling ends ``SETTLED`` seconds after the last change. True means that ``set`` was called.
        """
        pause, until = FIRST_LOOK, time.monotonic() + SETTLED
        while version() == seen and time.monotonic() < until:
            why = self.wait(pause)
            if why == "set":
                return True
            pause = min(GROWTH * pause, LONGEST_LOOK)
            if why == "commit":
                pause, until = FIRST_LOOK, time.monotonic() + SETTLED
        return False

    def wait_for_set(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds for ``set`` only."""
        readable, _, _ = select.select([self._read_end], [], [], timeout)
        if readable:
            os.read(self._read_end, 65536)
        return bool(readable)

    def close(self) -> None:
        for fd in (*self._waits, self._write_end):
            os.close(fd)

    def _is_commit(self) -> bool:
        """Read from ``news``; True if it means a commit."""
        assert self._news is not None
        return bool(os.read(self._news, 65536))


class LogWake(Wake):
    """Wakes also when the log changes; it watches the folder, so the log may be created again."""

    def __init__(self, path: Path) -> None:
        super().__init__(_watch(path.parent))
        self._name = f"{path.name}-wal".encode()

    def _is_commit(self) -> bool:
        assert self._news is not None
        data, at, changed = os.read(self._news, 65536), 0, False
        while at < len(data):
            _, _, _, length = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
            changed = changed or name == self._name or not name
            at += _EVENT.size + length
        return changed


def _watch(folder: Path) -> int | None:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        fd = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    except (AttributeError, OSError):
        return None
    if fd < 0 or libc.inotify_add_watch(fd, bytes(folder), _IN_MODIFY | _IN_CREATE | _IN_MOVED_TO) < 0:
        return None
    return fd
