"""The demo's producer: random text files, each of which becomes a job, whenever the producer may be killed."""

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
from pqkit.demo.tasks import STAMP, stamp_file
from pqkit.errors import DatabaseUnavailable
from pqkit.files import read_regular, sync_folder, write_durably
from pqkit.log import get_logger
from pqkit.queries import arguments_of

PART = ".part"
WORDS = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heron", "inlet", "juniper", "kelp", "larch")

log = get_logger("producer")


def produce(queue: Queue, root: Path, *, every: float, count: int | None, stop: threading.Event) -> int:
    """Put a file into ``root`` every so many seconds, ``count`` of them or until ``stop`` is set; how many it were."""
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
    """Write one file and queue its job. Killed before the rename it leaves nothing that counts, after it an orphan."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}.txt"
    with _alone_in(root):
        part = root / f".{name}{PART}"
        write_durably(part, random_text().encode())
        part.rename(root / name)
        sync_folder(root)
        return name, queue.enqueue(stamp_file, {"name": name}, unique_key=name)


def adopt(queue: Queue, root: Path) -> list[str]:
    """Queue the files that no job names, and drop half-written ones: what a killed producer left. Their names."""
    with _alone_in(root):
        for part in root.glob(f".*{PART}"):
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
    """Keep other producers out of ``root``: what looks like an orphan may be between its rename and its enqueue."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
