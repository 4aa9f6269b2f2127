"""A client that queues jobs and records every acknowledgement.

Usage: ``python -m pqkit.lab.harness.recording_client TOLD JOBS SECONDS [worker]``.

Each line of TOLD is ``queued ID`` after an enqueue returned, or ``ended ID`` after the job's result could be read. With
``worker`` a real worker process runs beside the client.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pqkit import task
from pqkit.db import Database
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.errors import DatabaseUnavailable
from pqkit.queue import Queue, get_queue

CHECKPOINT_EVERY = 15
SIZE = 4_000


@task("lab.echo")
def echo(text: str) -> str:
    """Return the argument: the job writes as much when it ends as when it is queued."""
    return text


def converse(queue: Queue, told: Path, jobs: int, seconds: float) -> None:
    """Queue ``jobs`` jobs and wait for their ends, at most ``seconds``.

    A request that fails because the database is away is repeated.
    """
    sizes = random.Random(jobs)  # noqa: S311 - repeatable, not secret
    record = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    deadline = time.monotonic() + seconds
    waiting: list[int] = []
    for number in range(jobs):
        try:
            waiting.append(queue.enqueue(echo, {"text": "x" * sizes.randrange(SIZE)}).id)
        except DatabaseUnavailable:
            time.sleep(0.05)
            continue
        os.write(record, f"queued {waiting[-1]}\n".encode())
        if number % CHECKPOINT_EVERY == 0:
            _checkpoint(queue.database)
    while waiting and time.monotonic() < deadline:
        for job_id in _ended(queue, waiting):
            os.write(record, f"ended {job_id}\n".encode())
            waiting.remove(job_id)
        time.sleep(0.02)


def read_told(told: Path) -> tuple[set[int], set[int]]:
    """The jobs whose enqueue, and those whose end, was acknowledged."""
    lines = [line.split() for line in told.read_text().splitlines()] if told.exists() else []
    queued = {int(job_id) for word, job_id in lines if word == "queued"}
    return queued, {int(job_id) for word, job_id in lines if word == "ended"}


def _ended(queue: Queue, waiting: list[int]) -> Iterator[int]:
    for job_id in list(waiting):
        try:
            if queue.ending(job_id) is not None:
                yield job_id
        except DatabaseUnavailable:
            return


def _checkpoint(database: Database) -> None:
    """Checkpoint the write-ahead log now and then.

    A short run would never reach SQLite's own checkpoint.
    """
    assert isinstance(database, SqliteDatabase)
    database.connection().execute("PRAGMA wal_checkpoint(PASSIVE)")


def main(told: str, jobs: str, seconds: str, *worker: str) -> None:
    beside = [subprocess.Popen([sys.executable, "-P", "-m", "pqkit", name, "--slots", "4"]) for name in worker]
    try:
        converse(get_queue(), Path(told), int(jobs), float(seconds))
    finally:
        for process in beside:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
