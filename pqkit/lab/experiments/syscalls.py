"""System calls that fail: every Nth write or sync, with the errors that disks give.

The victim is a real worker or producer.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, count, islice, product
from pathlib import Path
from typing import NamedTuple

from pqkit.db.schema import ensure
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.errors import DatabaseUnavailable
from pqkit.files import private_folder
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness import strace
from pqkit.lab.harness.fleet import START_SECONDS
from pqkit.lab.harness.recording_client import read_told
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import misplaced
from pqkit.queries.audit_history import audit

CALLS = ("pwrite64", "fsync,fdatasync")
ERRORS = ("EIO", "ENOSPC", "EINTR")
VICTIMS = ("worker", "producer")
STEPS = (7, 3, 2, 11, 5, 1)
JOBS = 12
FAULTY_SECONDS, HEALTHY_SECONDS = 10.0, 90.0
TASKS = "pqkit.lab.harness.recording_client"
WORKER = ["pqkit", "worker", "--slots", "4", "--name"]


class Fault(NamedTuple):
    """Every Nth of these calls of the victim fails, from the Nth on."""

    victim: str
    calls: str
    error: str
    every: int

    def __str__(self) -> str:
        return f"every {self.every}. {self.calls} of a {self.victim} fails with {self.error}"


def faults() -> Iterator[Fault]:
    """All kinds of faults, at ever larger intervals."""
    for every in chain(STEPS, count(13, 4)):
        for calls, error, victim in product(CALLS, ERRORS, VICTIMS):
            yield Fault(victim, calls, error, every)


def syscalls(place: Scratch, most: int = 40, *, progress: Progress = silent) -> Result:
    """Try ``most`` faults, each on a queue of its own.

    Afterwards a healthy worker must find everything in order.
    """
    findings: list[Finding] = []
    injected = acknowledged = 0
    for number, fault in enumerate(islice(faults(), most)):
        progress(number / most, str(fault))
        hits, told, wrong = _suffer(fault, place.folder / f"fault-{number}")
        injected, acknowledged = injected + hits, acknowledged + told
        findings += [Finding("system calls", None, f"{fault}: {words}") for words in wrong]
    if not injected:
        findings.append(Finding("control", None, "not one call failed: nothing was tried"))
    figure = (
        f"syscalls: {most} faults, {injected} calls failed, {acknowledged} acknowledgements: "
        f"{len(findings)} promises broken"
    )
    return Result(figure, {"faults": most, "injected": injected, "acknowledged": acknowledged}, findings)


def _suffer(fault: Fault, folder: Path) -> tuple[int, int, list[str]]:
    """The number of failed calls and of acknowledgements, and the errors that remain."""
    private_folder(folder, new=True)
    told, log, trace = folder / "told", folder / "log", folder / "trace"
    database = SqliteDatabase(folder / "queue.db")
    ensure(database)
    database.close()
    failing = f"inject={fault.calls}:error={fault.error}:when={fault.every}+{fault.every}"
    injection = ["-e", f"trace={fault.calls}", "-e", failing, "-o", str(trace)]
    commands = {
        "worker": [*WORKER, "faulty"],
        "producer": ["pqkit.lab.harness.recording_client", str(told), str(JOBS), str(FAULTY_SECONDS)],
    }
    running = {
        who: strace.start(injection if who == fault.victim else [], log, command, database.url, tasks=TASKS)
        for who, command in commands.items()
    }
    try:
        with suppress(subprocess.TimeoutExpired):
            running["producer"].wait(START_SECONDS + FAULTY_SECONDS)
    finally:
        for process in running.values():
            process.end()
    hits = trace.read_text(errors="replace").count("(INJECTED)") if trace.exists() else 0
    queued, ended = read_told(told)
    wrong = _after(database, log) + lost(database, queued, ended)
    database.close()
    if not wrong:
        shutil.rmtree(folder)
    return hits, len(queued) + len(ended), wrong


def _after(database: SqliteDatabase, log: Path) -> list[str]:
    """The errors that remain after a healthy worker has run."""
    healthy = strace.start([], log, [*WORKER, "healthy"], database.url, tasks=TASKS)
    try:
        wait_until(lambda: _all_closed(database), HEALTHY_SECONDS, "the end of all jobs under a healthy worker")
    except TimeoutError as error:
        return [str(error)]
    finally:
        healthy.end()
    wrong = database.integrity() + [f"job {job} is misplaced" for job in misplaced(database)]
    return wrong + [f"{found.rule}: job {found.job_id}: {found.words}" for found in audit(database).findings]


def lost(database: SqliteDatabase, queued: set[int], ended: set[int]) -> list[str]:
    """Acknowledged jobs that the database does not keep, once every job has ended."""
    there = {row[0] for row in database.connection().execute("SELECT job_id FROM closed")}
    return [f"job {job} was acknowledged and is not there" for job in sorted((queued | ended) - there)]


def _all_closed(database: SqliteDatabase) -> bool:
    try:
        left = "SELECT 1 FROM job WHERE id NOT IN (SELECT job_id FROM closed)"
        return database.connection().execute(left).fetchone() is None
    except DatabaseUnavailable:
        return False
