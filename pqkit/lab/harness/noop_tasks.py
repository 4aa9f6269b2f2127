"""No-op benchmark tasks, kept apart so that workers do not import the benchmark."""

import mmap
import struct
import tempfile
import time
from functools import cache
from pathlib import Path

from pqkit import task

STAMP = struct.Struct("q")


@task("bench.noop")
def noop(n: int, text: str = "") -> None:
    """Do nothing."""


@task("bench.ping")
def ping(path: str, n: int) -> None:
    """Write the moment of this run into the mapping, from which latency is computed."""
    STAMP.pack_into(mapping(path), n * STAMP.size, time.monotonic_ns())


@cache
def mapping(path: str) -> mmap.mmap:
    """Map a file as memory that processes share."""
    with Path(path).open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


class Stamps:
    """The moments at which pings ran, in nanoseconds of the monotonic clock; 0 if not yet."""

    def __init__(self, folder: Path, many: int) -> None:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(bytes(many * STAMP.size))
        self.path = file.name
        self._mapping = mapping(self.path)

    def __getitem__(self, n: int) -> int:
        return int(STAMP.unpack_from(self._mapping, n * STAMP.size)[0])
