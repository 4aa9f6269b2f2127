"""A whole queue moves to another database and back: nothing is lost or changed."""

import random
import time
from typing import Any

from pqkit.audit.rules import Certificate
from pqkit.backup.restore import move
from pqkit.db import connect
from pqkit.domain.outcomes import Claim, Fail, Outcome, Snooze, Stopped, completed, ended_by
from pqkit.lab import Scratch, scratch
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.operations.copy_database import Copied
from pqkit.queries import counts
from pqkit.queries.audit_history import audit
from pqkit.queue import Finished, Leases, Queue, get_queue

TASK = "lab.moved"
BATCH = 500
WORDS = ("amber", "birch", "cédar", "del\tta", "ember ☂")


def moving(place: Scratch, jobs: int = 100_000, *, progress: Progress = silent) -> Result:
    """Copy a queue with jobs in every state into a SQLite file, and from there back.

    The last copy goes into a new database of the original kind. The rows of each table and the audits are compared.
    """
    queue = get_queue(place.url)
    fill(queue, jobs, lambda part: progress(part / 3, "filling"))
    states = {str(state): count for state, count in counts(queue.database).items()}
    again = scratch(place.beside)
    file = f"sqlite:///{again.folder / 'moved.db'}"
    try:
        there, there_took = _move(queue, file, lambda part: progress((1 + part) / 3, "copying into a file"))
        back, back_took = _move(get_queue(file), again.url, lambda part: progress((2 + part) / 3, "copying back"))
        audits = [audit(connect(url)) for url in (place.url, file, again.url)]
    finally:
        again.remove()
    checks = {
        "a table is different after the way there and back": there.checksums == back.checksums | _gaps(there, back),
        "the audits see different things": len({one.checksum for one in audits}) == 1,
        "an audit finds something": not any(map(_findings, audits)),
        f"{jobs - audits[2].jobs} jobs are missing": audits[2].jobs == jobs,
    }
    took = f"into a file in {there_took:.1f} s and back in {back_took:.1f} s"
    figure = f"moving: {jobs:,} jobs ({there.total:,} rows) {took}: " + (
        "equal by audit checksum" if checks["the audits see different things"] else "DIFFERENT"
    )
    numbers = {
        "states": states,
        "rows": there.total,
        "there": there_took,
        "back": back_took,
        "audit": audits[2].checksum,
    }
    return Result(figure, numbers, [Finding("moving", None, words) for words, good in checks.items() if not good])


def _findings(certificate: Certificate) -> list[str]:
    """The audit's findings, without jobs that wait too long for a rescue: no worker runs here."""
    return [found.words for found in certificate.findings if found.rule != "none stuck"]


def _gaps(there: Copied, back: Copied) -> dict[str, str]:
    """The table of seals, if it has one more row after the way there and back.

    A copy from PostgreSQL adds a row for the ids that no job ever had.
    """
    added = back.rows["seal"] - there.rows["seal"]
    return {"seal": there.checksums["seal"]} if added in {0, 1} else {}


def _move(source: Queue, target: str, said: Any) -> tuple[Copied, float]:
    begun = time.monotonic()
    copied = move(source.database, connect(target), lambda done, total, _: said(done / total), rescue_after=30)
    return copied, time.monotonic() - begun


def fill(queue: Queue, jobs: int, said: Any) -> None:
    """Queue ``jobs`` jobs and bring a part of them to every final state."""
    dice = random.Random(1)  # noqa: S311 - repeatable, not secret
    batch = min(BATCH, max(1, jobs // 40))
    for start in range(0, jobs, batch):
        calls = [_arguments(dice, start + n) for n in range(min(batch, jobs - start))]
        delay = 3_600.0 if dice.random() < 0.1 else None
        name, retries = dice.choice((("a", 3), ("b", 3), ("c", 0)))
        queue.enqueue_many(TASK, calls, queue=name, max_retries=retries, priority=dice.randrange(3), delay=delay)
    worker = queue.leases("mover", BATCH, [TASK])
    worker.register()
    left = round(jobs * 0.7)
    while left > 0:
        claims = worker.exchange([], BATCH, alone=True).claims
        if not claims:
            break
        _end(queue, worker, claims, dice)
        left -= len(claims)
        said(1 - left / jobs)
    worker.exchange([], BATCH, alone=True)  # these stay with a worker that ends without a report
    worker.end("stopped")
    operator = queue.operator("ada")
    chosen = dice.sample(range(1, jobs + 1), jobs // 20)
    operator.cancel(chosen[::2], reason="called off\nby the lab")
    operator.resubmit(chosen[1::2])
    operator.pause("b", reason="on its way")


def _arguments(dice: random.Random, number: int) -> dict[str, Any]:
    odd = dice.choice((None, 0.1, -0.0, 1e300, 2**62, True, dice.random()))
    return {"z": number, "a": [odd, dice.choice(WORDS)], "m": {"y": 1, "b": [[]]}}


def _end(queue: Queue, worker: Leases, claims: list[Claim], dice: random.Random) -> None:
    now = queue.database.now()
    worker.exchange([Finished(claim, _outcome(claim, dice), now, now) for claim in claims], 0, alone=True)


def _outcome(claim: Claim, dice: random.Random) -> Outcome:
    ended = dice.random()
    if ended < 0.6:
        return completed({"z": claim.job_id, "a": ended} if ended < 0.3 else None)
    errors = (ValueError("no\nluck ☂"), Fail("no use"), Snooze(3_600), Stopped())
    return ended_by(claim, dice.choice(errors))
