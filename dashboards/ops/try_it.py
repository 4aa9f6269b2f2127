"""Try it: enqueue a job into a scratch queue, take one out by hand, see the effect (S38)."""

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import panel as pn
import panel_material_ui as pmui

from pqkit import queries
from pqkit.domain.outcomes import completed
from pqkit.domain.states import JobState
from pqkit.errors import PqkitError, for_anybody
from pqkit.queue import Finished, Leases, Queue
from pqkit.redaction.redact import redacted

from .. import theme
from ..document_lock import locked
from ..formatting import clock, lasted, safe
from ..poller import shared
from ..rate_limit import Throttle

QUEUE = "try-it"
TASK = "try-it"
WHO = "ops console"
MOST_WAITING = 100
MOST_CHARS = 200
LINES = 6
MOST_ON_RECORD = 1_000
"""Maximum jobs, ended ones included: a queue open to every visitor must not grow forever."""
clicks = Throttle(60, 60.0)


class TryIt:
    """The panel of one session, which uses the scratch queue only.

    ``still_in`` raises NotLoggedIn when the session is over.
    """

    def __init__(self, still_in: Callable[[], object] = lambda: None) -> None:
        self._still_in = still_in
        self.words = pmui.TextInput(label="Text", value="hello", size="small", margin=0, max_length=MOST_CHARS)
        self.told = theme.Block()
        self._lines: deque[str] = deque(maxlen=LINES)

    def card(self) -> pmui.Paper:
        head = theme.Block()
        head.object = theme.head("Try it", f"a job in the scratch queue {QUEUE}, in and out by hand")
        add = pmui.Button(label="Enqueue one", size="small", margin=0, on_click=self._enqueue)
        take = pmui.Button(label="Dequeue one", size="small", variant="outlined", margin=0, on_click=self._dequeue)
        row = pn.FlexBox(self.words, add, take, gap="10px", align_items="center", margin=(8, 0))
        return theme.card(head, row, self.told)

    @locked
    async def _enqueue(self, *_: Any) -> None:
        await self._do(lambda queue: enqueue(queue, str(self.words.value)[:MOST_CHARS]))

    @locked
    async def _dequeue(self, *_: Any) -> None:
        await self._do(dequeue)

    async def _do(self, verb: Callable[[Queue], str]) -> None:
        wait = clicks.wait()
        try:
            await asyncio.to_thread(self._still_in)
            line = await asyncio.to_thread(lambda: verb(shared().queue())) if not wait else too_often(wait)
        except PqkitError as error:
            line = f"It did not work: {for_anybody(error)}"
        self._lines.appendleft(line)
        items = "".join(f"<li>{safe(each)}</li>" for each in self._lines)
        self.told.object = f"<ul class='told' role='log' aria-label='What was done'>{items}</ul>"


class Hand:
    """The one worker of this console, with one registry row that each job reactivates."""

    def __init__(self) -> None:
        self.mutex = threading.Lock()
        self._of: tuple[Queue, Leases] | None = None

    @contextmanager
    def at_work(self, queue: Queue) -> Iterator[Leases]:
        with self.mutex:
            if self._of is None or self._of[0] is not queue:
                self._of = queue, queue.leases(WHO, 1, [TASK], [QUEUE])
            worker = self._of[1]
            worker.resume()
            try:
                yield worker
            finally:
                worker.end("tried by hand")


hand = Hand()


def too_often(wait: float) -> str:
    return f"It was tried too often just now: wait {math.ceil(wait)} s."


def enqueue(queue: Queue, text: str) -> str:
    """Put one job into the scratch queue unless it is full, and say what was done."""
    with hand.mutex:  # or concurrent calls would all find room for one more
        return _enqueue(queue, text)


def _enqueue(queue: Queue, text: str) -> str:
    waiting = _count(queue, (JobState.PENDING,), MOST_WAITING)
    if waiting >= MOST_WAITING:
        return f"{waiting} jobs wait in {QUEUE} already: dequeue some first."
    if _count(queue, (), MOST_ON_RECORD) >= MOST_ON_RECORD:
        return f"{MOST_ON_RECORD} jobs of {QUEUE} are on record already: wait until they are pruned."
    began = queue.database.now()
    job = queue.enqueue(TASK, {"text": text}, queue=QUEUE)
    took = lasted(queue.database.now() - began)
    return f"{clock(began)}: job {job.id} is on disk after {took}; {waiting + 1} wait in {QUEUE}."


def _count(queue: Queue, states: tuple[JobState, ...], most: int) -> int:
    return len(queries.ids(queue.database, queries.Filter(states=states, queue=QUEUE), most))


def dequeue(queue: Queue) -> str:
    """Claim and complete the next job of the scratch queue, and say what was done."""
    if not _count(queue, (JobState.PENDING,), 1):
        return f"{clock(queue.database.now())}: nothing waits in {QUEUE}."
    with hand.at_work(queue) as worker:
        began = queue.database.now()
        claims = worker.exchange([], 1, alone=True).claims
        if not claims:
            return f"{clock(began)}: nothing waits in {QUEUE}."
        (claim,) = claims
        finished = Finished(claim, completed({"by": WHO}), began, queue.database.now())
        worker.exchange([finished], 0, alone=True)
        waited, took = lasted(claim.claimed_at - claim.since), lasted(queue.database.now() - began)
        return (
            f"{clock(began)}: job {claim.job_id} came out with {redacted(claim.args)}; waited {waited}, done in {took}."
        )
