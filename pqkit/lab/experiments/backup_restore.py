"""Backups under load: each restores whole, with every job acknowledged before it began."""

import json
import time
from pathlib import Path

from pqkit.backup.create import BackupError, back_up
from pqkit.backup.restore import restore
from pqkit.db import connect
from pqkit.lab import Scratch, wait_until
from pqkit.lab.harness.fleet import START_SECONDS, Fleet, Member
from pqkit.lab.harness.ledger import read_diaries
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import ids_among

MENU = [["lab.count", {"n": 1_000}], ["lab.stumble", {}]]
BACKLOG = 2_000


def backups(place: Scratch, times: int = 50, *, progress: Progress = silent) -> Result:
    """Make ``times`` backups while two workers and two producers work, and restore each one.

    Each restore goes to a folder of its own.
    """
    findings: list[Finding] = []
    took: list[float] = []
    jobs = 0
    with Fleet(place) as fleet:
        workers = [fleet.worker() for _ in range(2)]
        diaries = [place.folder / f"diary-{number}" for number in range(2)]
        producers = [_producer(fleet, diary) for diary in diaries]
        fleet.wait_ready(workers)
        wait_until(lambda: all(map(_begun, diaries)), START_SECONDS, "the producers' start")
        for number in range(times):
            progress(number / times, f"{number} backups")
            told = read_diaries(diaries).ids
            begun = time.monotonic()
            jobs, words = _one(place.folder / f"{number}.db", fleet, told)
            took.append(time.monotonic() - begun)
            findings += [Finding("backup", None, f"backup {number}: {line}") for line in words]
        dead = [member.name for member in (*workers, *producers) if not member.alive]
        findings += [Finding("backup", None, f"{name} died meanwhile") for name in dead]
    slowest = max(took, default=0.0)
    figure = (
        f"backups: {times - len({f.words.split(':')[0] for f in findings})} of {times} under load came back whole, "
        f"{jobs} jobs in the last, the slowest {slowest:.2f} s from its begin to the end of its restoration"
    )
    return Result(figure, {"backups": times, "slowest": slowest, "jobs": jobs}, findings)


def _producer(fleet: Fleet, diary: Path) -> Member:
    arguments = (str(diary), str(fleet.place.folder / "enough"), str(BACKLOG), json.dumps(MENU))
    return fleet.start(diary.name, "pqkit.lab.harness.producer_process", *arguments)


def _begun(diary: Path) -> bool:
    return diary.exists() and diary.stat().st_size > 0


def _one(file: Path, fleet: Fleet, told: list[int]) -> tuple[int, list[str]]:
    """Back up, restore and compare; return the number of restored jobs and the errors found."""
    restored = connect(f"sqlite:///{file.with_suffix('.restored')}")
    try:
        made = back_up(fleet.queue.database, file)
        found = restore(file, restored, rescue_after=0)
        missing = set(told) - set(ids_among(restored, told))
    except BackupError as error:
        return 0, [str(error)]
    finally:
        restored.close()
        for path in file.parent.glob(f"{file.stem}.*"):
            path.unlink()
    words = [f"{found.rule}: {found.words}" for found in found.certificate.findings]
    if found.certificate.checksum != made.certificate.checksum:
        words.append("it came back otherwise than it was made")
    if missing:
        words.append(f"it lacks {len(missing)} jobs acknowledged before it began, such as {min(missing)}")
    return found.jobs, words
