"""What the workers of a benchmark run; here, where a worker that imports it loads nothing of the benchmark."""

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
    """Leave the moment of this run in the mapping, for whoever asks how long it took to get here."""
    STAMP.pack_into(mapping(path), n * STAMP.size, time.monotonic_ns())


@cache
def mapping(path: str) -> mmap.mmap:
    """A file as memory that processes share."""
    with Path(path).open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


class Stamps:
    """The moments at which pings ran, in nanoseconds of the machine's steady clock; 0 for those that have not."""

    def __init__(self, folder: Path, many: int) -> None:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(bytes(many * STAMP.size))
        self.path = file.name
        self._mapping = mapping(self.path)

    def __getitem__(self, n: int) -> int:
        return int(STAMP.unpack_from(self._mapping, n * STAMP.size)[0])
