"""Archives of pruned jobs: gzipped JSON lines, one file a day, appended batch by batch.

Each batch is a gzip member of its own: any gzip reader reads the whole file, and a seal can name its part.
"""

import fcntl
import gzip
import hashlib
import json
import os
import socket
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pqkit.domain.durations import SECOND
from pqkit.errors import PqkitError
from pqkit.files import UnsafePath, inside, open_own, open_regular, private_folder, sync_folder


class ArchiveError(PqkitError):
    """The archive is missing, or does not hold what its seal says."""


class Part(NamedTuple):
    """A batch's position in an archive.

    It is the ``size`` bytes from ``start`` on in ``file`` (a plain name); ``digest`` is their SHA-256.
    """

    file: str
    start: int
    size: int
    digest: str


def add(folder: Path, records: Iterable[dict[str, Any]], at: int) -> Part:
    """Append a batch to the file of the day of ``at`` (microseconds UTC) and fsync it.

    The file's name contains the host's, so two machines never write to one file. Raises ArchiveError.
    """
    day = datetime.fromtimestamp(at / SECOND, UTC)
    lines = "".join(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
    member = gzip.compress(lines.encode(), mtime=0)
    name = f"{day:%Y-%m-%d}-{socket.gethostname()}.jsonl.gz"
    try:
        private_folder(folder)
        start = _append(folder / name, member)
        sync_folder(folder)
    except UnsafePath as error:
        raise ArchiveError(f"cannot write to the archive: {error}") from None
    except OSError as error:
        raise ArchiveError(f"cannot write to the archive {folder / name}: {error.strerror}") from None
    return Part(name, start, len(member), hashlib.sha256(member).hexdigest())


def _append(path: Path, member: bytes) -> int:
    handle = open_own(path, os.O_WRONLY)
    with os.fdopen(handle, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        start = file.seek(0, os.SEEK_END)
        try:
            file.write(member)
            file.flush()
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, start)  # half a gzip member would make everything after it unreadable
            raise
    return start


def read(folder: Path, part: Part) -> list[dict[str, Any]]:
    """Read the records of a batch. Raises ArchiveError unless they are exactly what was written."""
    try:
        path = inside(folder, part.file)  # the name is untrusted data: a tampered database could name any file
        with os.fdopen(open_regular(path), "rb") as file:
            file.seek(part.start)
            member = file.read(part.size)
    except UnsafePath as error:
        raise ArchiveError(f"the archive {folder} cannot be read: {error}") from None
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(member).hexdigest() != part.digest:
        raise ArchiveError(f"{path} was changed: {part.size} bytes from {part.start} on are not what was sealed")
    try:
        return [json.loads(line) for line in gzip.decompress(member).splitlines()]
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise ArchiveError(f"{path} cannot be read: {error}") from None
