"""A failed job opened on a copy of its queue: what it was asked, what it said, and its handler run dry."""

import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from pqkit.context import Context
from pqkit.db import connect
from pqkit.executor import Run, execute
from pqkit.incident import snapshot
from pqkit.lab import Scratch
from pqkit.outcome import Claim
from pqkit.queries import JobDetail, job
from pqkit.redact import redact
from pqkit.settings import settings
from pqkit.worker.attempt import drop_staged
from pqkit.worker.tasks import import_tasks


class Dry(NamedTuple):
    """What the handler came to: ``outcome`` is the word of its history, ``result`` JSON, ``error`` its traceback.

    ``lines`` and ``files`` are what it would have kept with the job and put in place.
    """

    outcome: str
    result: str | None
    error: str | None
    lines: list[str]
    files: list[str]


class Opened(NamedTuple):
    """A job and the copy of the queue that it is in."""

    story: JobDetail
    url: str

    @property
    def arguments(self) -> dict[str, Any]:
        """As the handler gets them, before they are checked."""
        found: dict[str, Any] = json.loads(self.story.job.args)
        return found

    @property
    def facts(self) -> dict[str, Any]:
        """What its task and its enqueue say, and how it stands; secrets have become stars."""
        view = self.story.job
        wanted = ("task", "queue", "state", "priority", "attempt", "retries", "crashes", "max_retries", "worker")
        rest = {"backoff": self.story.backoff, "timeout": self.story.timeout, "error": redact(view.error or "")}
        return {name: getattr(view, name) for name in wanted} | rest

    @property
    def log(self) -> list[str]:
        """What its runs said, each line with its attempt."""
        return [redact(f"attempt {line.attempt}: {line.line}") for line in self.story.lines]

    def run_dry(self, *modules: str) -> Dry:
        """Run the handler, which one of these modules declares, in this process. The queue hears nothing of it.

        Its session is on the copy and is rolled back; files that it stages are dropped. Whatever else it does, it does.
        """
        import_tasks(modules)
        database, lines = connect(self.url), list[str]()
        view = self.story.job
        claim = Claim(
            view.queue, view.priority, view.id, view.attempt + 1, view.retries, view.crashes, 0, 0, 0, 0,
            view.task, view.args, view.max_retries, self.story.backoff, self.story.timeout, None,
        )  # fmt: skip
        ctx = Context(view.id, claim.attempt, view.task, report_line=lines.append, open_session=database.session)
        outcome = execute(Run(claim, database.now()), ctx)
        files = [target for staged, target in ctx.staged if Path(staged).exists()]
        drop_staged(ctx.staged)
        if ctx.opened is not None:
            ctx.opened.rollback()
            ctx.opened.close()
        database.close()
        return Dry(outcome.kind, outcome.result, outcome.error, lines, files)


def go_to(project: str | Path) -> None:
    """Work in that folder, as its workers do: its settings and its modules count, wherever the kernel was started."""
    os.chdir(project)
    sys.path.insert(0, str(Path.cwd()))
    settings.cache_clear()


def open_job(url: str, job_id: int, here: Scratch) -> Opened:
    """Copy the queue into ``here`` and read the job there. Raises NotFound, or DatabaseUnavailable."""
    database = snapshot(url, here.folder)
    try:
        return Opened(job(database, job_id, decrypt=True), database.url)
    finally:
        database.close()
