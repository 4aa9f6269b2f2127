"""The Investigate button: runs the incident notebook on a span as a job, links its report."""

import asyncio
import math
import re
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import panel as pn
import panel_material_ui as pmui

from pqkit import queries
from pqkit.auth import Principal
from pqkit.domain.durations import SECOND
from pqkit.domain.error_groups import pattern
from pqkit.domain.states import JobState
from pqkit.errors import NotFound, PqkitError, Refused, for_anybody
from pqkit.jobs.insert import Inserted
from pqkit.notebook.run_store import past
from pqkit.queries import Entry, JobDetail, Trace
from pqkit.queue import Queue
from pqkit.security.service_addresses import Service, public_url
from pqkit.settings import settings

from .. import theme
from ..document_lock import locked
from ..formatting import clock, lasted, safe
from ..poller import shared
from ..rate_limit import Throttle

TASK, QUEUE, UNIQUE = "incident", "incidents", "ops-console"
WHO = "anonymous of the ops console"
clicks = Throttle(6, 60.0)
asking = threading.Lock()
REST, PER_DAY, DAY = 60 * SECOND, 50, 86_400 * SECOND
"""Minimum microseconds between two jobs of one name, and their maximum in any day: each takes a worker's time."""
LOOK_EVERY = 1_000
HINT = "Brush a span on a chart, or take the whole window, and press Investigate."
Span = Callable[[], tuple[int, int, str | None]]


class Investigate:
    """The button of one session, and a card that follows the job.

    ``span`` returns the span on display. With a login, ``still_in`` returns the user, and raises NotLoggedIn when the
    session is over.
    """

    def __init__(self, span: Span, still_in: Callable[[], Principal | None] = lambda: None) -> None:
        self._span, self._still_in = span, still_in
        self.button = pmui.Button(
            label="Investigate", size="small", variant="outlined", margin=0, on_click=self._investigate
        )
        self.told = theme.Block()
        self.told.object = words(HINT)
        self._about, self._job, self._looking = "", 0, False

    def card(self) -> pmui.Paper:
        head = theme.Block()
        head.object = theme.head("Investigate", "a notebook about a span, run as a job")
        return theme.card(head, self.told)

    @locked
    async def _investigate(self, *_: Any) -> None:
        if not any(TASK in worker.tasks for worker in shared().latest.workers):
            self.told.object = words(f"No living worker knows the task {TASK}, which would look into it.")
            return
        if wait := clicks.wait():
            self.told.object = words(f"That was asked for too often just now: wait {math.ceil(wait)} s.")
            return
        try:
            person = await asyncio.to_thread(self._still_in)
            who = WHO if person is None else person.name
            start, end, queue = self._span()
            arguments = {"start": moment(start), "end": moment(end), "queue": queue}
            job = await asyncio.to_thread(lambda: ask(shared().queue(), arguments, who))
        except (PqkitError, ValueError, OverflowError) as error:
            self.told.object = words(f"It did not work: {for_anybody(error)}")
            return
        of = f" of queue {queue}" if queue else ""
        about = f"looks into {clock(start)} to {clock(end)}{of}" if not job.existing else "was asked for before"
        self._about, self._job = f"Job {job.id} {about}", job.id
        more = " One at a time: press again when it has ended." if job.existing else ""
        self.told.object = words(f"{self._about}.{more}")
        if not self._looking:
            self._looking = True
            self._ticking = pn.state.add_periodic_callback(self._follow, period=LOOK_EVERY)

    @locked
    async def _follow(self) -> None:
        """Show the job's progress until it ends."""
        try:
            seen, run = await asyncio.to_thread(look, self._job)
        except PqkitError:
            return  # the banner says why
        self.told.object = words(f"{self._about}: ", progress(seen, run))
        if seen.job.state.final and seen.job.id == self._job:
            self._ticking.stop()
            self._looking = False


def ask(queue: Queue, arguments: dict[str, Any], who: str = WHO) -> Inserted:
    """Enqueue the job, on record, or return the unfinished one that was requested here before.

    Raises Refused while this person must wait; all visitors without a name share one limit.
    """
    with asking:  # or concurrent requests would all pass the check
        before = queries.trail(queue.database, Trace(who, "enqueue"), limit=PER_DAY)
        if before and (job := before[0].job_id) and _is_open(queue, job):
            return Inserted(job, existing=True)
        if wait := _wait(before, queue.database.now()):
            raise Refused(f"one a minute and {PER_DAY} a day can be asked for here: wait {wait}")
        return queue.operator(who).enqueue(TASK, arguments, queue=QUEUE, unique_key=UNIQUE)


def _is_open(queue: Queue, job: int) -> bool:
    try:
        return not queue.state(job).final
    except NotFound:
        return False


def _wait(before: Sequence[Entry], now: int) -> str:
    """The time until the next request is allowed, in words; empty if it is allowed now."""
    bounds = [before[0].at + REST] if before else []
    bounds += [before[-1].at + DAY] if len(before) >= PER_DAY else []
    left = max(bounds, default=now) - now
    return lasted(left) if left > 0 else ""


def look(job: int) -> tuple[JobDetail, str | None]:
    """The job, and the name of its run once it has ended; a failed run has a report too."""
    seen = queries.job(shared().queue().database, job)
    found = past() if seen.job.state.final else []
    return seen, next((name for name, run in found if run.job is not None and run.job[0] == job), None)


def progress(seen: JobDetail, run: str | None) -> str:
    """The job's progress as HTML of escaped values, with the link to its report if it has one."""
    state = seen.job.state
    shown = theme.marked(state, state)
    if state.final:
        said = f": {pattern(queries.last_line(seen.job.error))}" if seen.job.error else ""
        there = link(f"runs/{quote(run)}", "Open its report") if run else link(f"?job={seen.job.id}", "Look at the job")
        return f"{shown}{safe(said)}. {there}"
    if seen.progress is not None and state is JobState.PROCESSING:
        return f"{shown}, {seen.progress.fraction:.0%}, {safe(seen.progress.note)}"
    return shown


def link(path: str, text: str) -> str:
    """A link to a page of the manager console, which requires a login."""
    address = safe(f"{_manager()}/{path}")
    return f"<a href='{address}' target='_blank' rel='noopener'>{safe(text)}</a> in the manager console"


def _manager() -> str:
    """The manager console's public address, or its port on the host of this request."""
    public = public_url(settings(), Service.MANAGER)
    if public is not None:
        return public
    host = theme.current_request().headers.get("Host", "127.0.0.1")
    return f"//{re.sub(r':[0-9]+$', '', host)}:{settings().manager_port}"


def moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / SECOND, UTC).isoformat()


def words(text: str, rest: str = "") -> str:
    """A line for the page; ``rest`` is HTML of escaped values."""
    return f"<p role='status'>{safe(text)}{rest}</p>"
