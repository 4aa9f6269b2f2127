"""The time of a page in the manager console, for every filter, with many jobs."""

import time
from collections.abc import Iterator
from contextlib import closing
from statistics import median
from typing import NamedTuple

from pqkit import Cancel, Fail, queries
from pqkit.db import Database
from pqkit.domain.outcomes import Claim, Outcome, completed, ended_by
from pqkit.domain.states import JobState
from pqkit.lab import Scratch
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import Filter
from pqkit.queue import Finished, Leases, Queue, get_queue

PAGE = 50
BATCH, ROUNDS = 1_000, 5
REFRESH = 0.1
TASKS, QUEUES, STOCK = ("resize", "mail", "report", "index"), ("images", "post", "nightly"), "stock"
RARE = "needle"
DAY = 86_400.0
EACH = {str(state): Filter((state,)) for state in JobState}
FILTERS = {
    "no filter": Filter(),
    **EACH,
    "a queue": Filter(queue="post"),
    "a rare queue": Filter(queue=RARE),
    "pending in a queue": Filter((JobState.PENDING,), queue=STOCK),
    "completed in a rare queue": Filter((JobState.COMPLETED,), queue=RARE),
    "a task": Filter(task="mail"),
    "a rare task": Filter(task=RARE),
    "the last day": Filter(newer_than=DAY),
    "over a day": Filter(older_than=DAY),
    "a text in all": Filter(text="picture"),
    "a rare text": Filter(text=RARE),
    "a text in none": Filter(text="nowhere"),
    "a secret": Filter(text="secret-"),
    "failed, a text in none": Filter((JobState.FAILED,), text="nowhere"),
    "an error": Filter(error="no picture"),
    "an error of none": Filter(error="nowhere"),
    "errors alike": Filter(group="Fail: no picture …"),
    "completed, a task and a text": Filter((JobState.COMPLETED,), task="mail", text="picture-1"),
}


class Asked(NamedTuple):
    """One question: the number of jobs on the page, and the processor seconds with its count."""

    words: str
    jobs: int
    seconds: float


def filters(place: Scratch, jobs: int = 1_000_000, progress: Progress = silent) -> Result:
    """Ask for a page and its count, as the console does, by every filter and in both orders."""
    with closing(get_queue(place.url)) as queue:
        stock(queue, jobs, progress)
        asked = list(_ask(queue.database))
    return _result(jobs, asked)


def stock(queue: Queue, jobs: int, progress: Progress = silent) -> None:
    """Queue ``jobs`` jobs, some in every state.

    Only the first three have the rare queue, the rare task and the rare text.
    """
    worker = queue.leases("lab", BATCH, [*TASKS, RARE], [*QUEUES, RARE])
    worker.register()
    queue.enqueue_many(RARE, [{"path": f"{RARE}-{n}"} for n in range(3)], queue=RARE)
    _run(queue, worker)
    for number, done in enumerate(range(3, jobs, BATCH)):
        calls = [{"path": f"picture-{n}.png", "token": f"secret-{n}"} for n in range(done, min(done + BATCH, jobs))]
        where = STOCK if number % 20 == 0 else QUEUES[number % len(QUEUES)]
        delay, retries = DAY if number % 30 == 1 else None, number % 4
        queue.enqueue_many(TASKS[number % len(TASKS)], calls, queue=where, delay=delay, max_retries=retries)
        _run(queue, worker)
        progress(0.8 * done / jobs, f"{done} jobs queued")


def _run(queue: Queue, worker: Leases) -> None:
    claims, now = worker.exchange([], BATCH, alone=True).claims, queue.database.now()
    worker.exchange([Finished(claim, _outcome(claim), now, now) for claim in claims], 0, alone=True)


def _outcome(claim: Claim) -> Outcome:
    match claim.job_id % 50:
        case 10:
            return ended_by(claim, Fail(f"no picture {claim.job_id}"))
        case 20:
            return ended_by(claim, Cancel("not wanted"))
        case 30 | 40:
            return ended_by(claim, ValueError(f"picture {claim.job_id} has no width"))
        case _:
            return completed(None)


def _ask(database: Database) -> Iterator[Asked]:
    for words, wanted in FILTERS.items():
        for oldest in (False, True):
            took, jobs = [], 0
            for _ in range(ROUNDS):
                began = time.process_time()  # other load on the machine must not count
                jobs = len(queries.search(database, wanted, limit=PAGE, oldest=oldest).jobs)
                took.append(time.process_time() - began)
            yield Asked(f"{words}, {'oldest' if oldest else 'newest'} first", jobs, median(took))


def _result(jobs: int, asked: list[Asked]) -> Result:
    slowest = max(asked, key=lambda one: one.seconds)
    figure = (
        f"filters: {len(asked)} questions about {jobs:,} jobs, half of them within "
        f"{1000 * median(one.seconds for one in asked):.0f} ms; {1000 * slowest.seconds:.0f} ms CPU for the slowest: "
        f"{slowest.words}"
    )
    late = [one for one in asked if one.seconds > REFRESH]
    findings = [Finding("refresh", None, f"{one.words}: {one.seconds:.3f} s, over {REFRESH}") for one in late]
    numbers: dict[str, object] = {one.words: round(one.seconds, 4) for one in asked}
    return Result(figure, {"jobs": jobs, **numbers}, findings, tables={"asked": [one._asdict() for one in asked]})
