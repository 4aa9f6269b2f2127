"""A producer that queues jobs until a file exists.

Usage: ``python -m pqkit.lab.harness.producer_process DIARY ENOUGH BACKLOG MENU``.

ENOUGH is the file. MENU is a JSON list of [task, arguments]. The producer waits while more than BACKLOG jobs are
pending.
"""

import json
import random
import sys
import time
from pathlib import Path

from pqkit.domain.states import JobState
from pqkit.errors import DatabaseUnavailable
from pqkit.lab.harness.ledger import Diary
from pqkit.queries import counts
from pqkit.queue import Queue, get_queue
from pqkit.settings import settings
from pqkit.worker.task_import import import_tasks

BATCH = 10
PAUSE = 0.1
Menu = list[tuple[str, dict[str, object]]]


def produce(queue: Queue, diary: Diary, enough: Path, backlog: int, menu: Menu) -> None:
    """Queue jobs one by one and ten at once, in random alternation."""
    while not enough.exists():
        if counts(queue.database)[JobState.PENDING] > backlog:
            time.sleep(0.02)
            continue
        task, arguments = random.choice(menu)  # noqa: S311 - not a secret
        if random.random() < 0.1:  # noqa: S311
            diary.ask(BATCH)
            diary.told(queue.enqueue_many(task, [arguments] * BATCH))
        else:
            diary.ask(1)
            diary.told([queue.enqueue(task, arguments).id])


def produce_through_outages(queue: Queue, diary: Diary, enough: Path, backlog: int, menu: Menu) -> None:
    """Queue jobs as ``produce`` does, also while the database is away.

    A request without an answer stays unanswered, as if its producer had been killed.
    """
    while not enough.exists():
        try:
            produce(queue, diary, enough, backlog, menu)
        except DatabaseUnavailable:
            diary.unanswered()
            time.sleep(PAUSE)


if __name__ == "__main__":
    import_tasks(settings().tasks)
    produce_through_outages(
        get_queue(), Diary(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])
    )
