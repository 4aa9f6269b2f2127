"""The demo's producer: each random text file becomes a job, even if the producer is killed."""

import fcntl
import json
import os
import random
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pqkit import Job, Queue
from pqkit.cleanup.file_stamps import PART_SUFFIX, STAMP
from pqkit.demo.tasks import stamp_file
from pqkit.errors import DatabaseUnavailable
from pqkit.files import read_regular, sync_folder, write_durably
from pqkit.log import get_logger
from pqkit.queries import arguments_of

WORDS = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heron", "inlet", "juniper", "kelp", "larch")

log = get_logger("producer")


def produce(queue: Queue, root: Path, *, every: float, count: int | None, stop: threading.Event) -> int:
    """Put a file into ``root`` every ``every`` seconds, and return the number of files.

    It ends after ``count`` files, or when ``stop`` is set.
    """
    made, behind = 0, True
    while not stop.is_set() and made != count:
        try:
            if behind:
                adopt(queue, root)
            behind = True
            name, job = put_file(queue, root)
            behind = False
        except DatabaseUnavailable as error:
            log.warning("cannot enqueue just now, trying again", reason=str(error))
        else:
            made += 1
            log.info("enqueued", job=job.id, file=name)
        if made != count:
            stop.wait(every)
    return made


def put_file(queue: Queue, root: Path) -> tuple[str, Job]:
    """Write one file and queue its job.

    A kill before the rename leaves a part that nothing reads; a kill after it leaves an orphan.
    """
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}.txt"
    with _alone_in(root):
        part = root / f".{name}{PART_SUFFIX}"
        write_durably(part, random_text().encode())
        part.rename(root / name)
        sync_folder(root)
        return name, queue.enqueue(stamp_file, {"name": name}, unique_key=name)


def adopt(queue: Queue, root: Path) -> list[str]:
    """Queue the files that no job names, and return their names.

    It also deletes half-written files. A killed producer leaves both kinds.
    """
    with _alone_in(root):
        for part in root.glob(f".*{PART_SUFFIX}"):
            part.unlink()
        files = {entry.name for entry in os.scandir(root) if entry.is_file(follow_symlinks=False)}
        unnamed = files - _named(queue) if files else files
        orphans = [name for name in sorted(unnamed) if not name.startswith(".") and not _stamped(root / name)]
        for name in orphans:
            job = queue.enqueue(stamp_file, {"name": name}, unique_key=name)
            log.warning("adopted a file that had no job", job=job.id, file=name)
    return orphans


def random_text() -> str:
    lines = (" ".join(random.choices(WORDS, k=random.randint(4, 12))) for _ in range(random.randint(3, 12)))  # noqa: S311 - filler, not a secret
    return "\n".join(lines) + "\n"


def _named(queue: Queue) -> set[str]:
    return {str(json.loads(text).get("name")) for text in arguments_of(queue.database, stamp_file.name)}


def _stamped(path: Path) -> bool:
    return STAMP.match(read_regular(path)) is not None


@contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Keep other producers out of ``root``.

    A file that looks like an orphan may be between its rename and its enqueue.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
