"""Finds stamped files whose jobs have ended and files that no job names, and deletes them."""

import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pqkit import queries
from pqkit.audit.seals import Span
from pqkit.cleanup.file_stamps import PART_SUFFIX, STAMP, STAMP_TASK
from pqkit.domain.payload import decode
from pqkit.domain.states import JobState
from pqkit.errors import NotFound
from pqkit.files import UnsafePath, read_regular
from pqkit.queue import Queue
from pqkit.security import encryption

STAGED = re.compile(r"\..+\.(\d+)-\d+\.staged")


class Old(NamedTuple):
    """A regular file of the folder; ``age`` is seconds since the last write."""

    name: str
    size: int
    age: float


class Past:
    """The pruned jobs, queried only when first needed."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    @cached_property
    def _completed(self) -> list[Span]:
        return queries.pruned(self._queue.database, JobState.COMPLETED)

    @cached_property
    def _named(self) -> set[str]:
        return _named(self._queue)

    def completed(self, job_id: int, name: str) -> bool:
        """True if the job was completed when it was pruned, and no remaining job names this file."""
        return any(first <= job_id <= last for first, last in self._completed) and name not in self._named


def useless(queue: Queue, folder: Path, older_than: float) -> list[Old]:
    """List files older than ``older_than`` seconds that no job needs.

    These are files whose job is completed, or was completed when it was pruned, and staged files of jobs that ended.
    Only regular files: links are not followed, folders not entered. Raises NotFound if the folder is missing or a link.
    """
    past = Past(queue)
    return [file for file in _old_files(folder, older_than) if _done_with(queue, folder, file, past)]


def orphans(queue: Queue, folder: Path, older_than: float) -> list[Old]:
    """List unstamped files that no job names, and half-written files of killed producers."""
    found = [file for file in _old_files(folder, older_than) if _unstamped(folder, file.name)]
    named = _named(queue) if found else set()
    return [file for file in found if file.name not in named]


def delete(folder: Path, files: Sequence[Old]) -> int:
    """Delete these files of the folder; return how many existed."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    deleted = 0
    try:
        for file in files:
            with suppress(FileNotFoundError):
                os.unlink(file.name, dir_fd=opened)
                deleted += 1
    finally:
        os.close(opened)
    return deleted


def _old_files(folder: Path, older_than: float) -> Iterator[Old]:
    if folder.is_symlink() or not folder.is_dir():
        raise NotFound(f"{folder} is not a folder (setting PQKIT_FILES)")
    now = time.time()
    with os.scandir(folder) as entries:
        for entry in entries:
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode) and now - found.st_mtime >= older_than:
                yield Old(entry.name, found.st_size, now - found.st_mtime)


def _named(queue: Queue) -> set[str]:
    """Names of the files that stamp jobs have as their argument."""
    return {str(decode(text).get("name")) for text in queries.arguments_of(queue.database, STAMP_TASK)}


def _done_with(queue: Queue, folder: Path, file: Old, past: Past) -> bool:
    staged = STAGED.fullmatch(file.name)
    if staged:
        return _ended_with_files(queue, int(staged[1]))
    stamp = STAMP.match(_content(folder, file.name))
    return stamp is not None and _completed(queue, int(stamp["job"]), file.name, past)


def _unstamped(folder: Path, name: str) -> bool:
    if name.startswith("."):
        return name.endswith(PART_SUFFIX)
    content = _content(folder, name)
    return bool(content) and STAMP.match(content) is None


def _content(folder: Path, name: str) -> bytes:
    """Read a file; empty if it cannot be read."""
    try:
        return read_regular(folder / name)
    except (OSError, UnsafePath):
        return b""


def _ended_with_files(queue: Queue, job_id: int) -> bool:
    """True if the job ended or was pruned: its files are in place, its staged leftovers useless."""
    try:
        return queue.ending(job_id) is not None
    except NotFound:
        return True


def _completed(queue: Queue, job_id: int, name: str, past: Past) -> bool:
    """True if the job is completed and names this file: content alone could claim any job."""
    try:
        job = queries.job(queue.database, job_id, decrypt=True).job
    except NotFound:
        return past.completed(job_id, name)
    except (encryption.KeyMissing, encryption.Tampered):
        return False
    args: dict[str, Any] = decode(job.args)
    return job.state is JobState.COMPLETED and name in args.values()
