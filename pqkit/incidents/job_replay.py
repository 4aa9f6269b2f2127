"""Replay of a failed job on a copy of its queue: arguments, log and dry run of the handler."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from pqkit.db import connect
from pqkit.db.scratch_queue import Scratch
from pqkit.domain.context import Context
from pqkit.domain.outcomes import Claim, Outcome, is_private
from pqkit.errors import Refused
from pqkit.incidents import snapshot
from pqkit.notebook.parameters import NO_JOB
from pqkit.notebook.paths import refuse_other_code, runs_as_job
from pqkit.queries import JobDetail, as_stored, job
from pqkit.redaction.redact import HIDDEN, redact, redacted
from pqkit.security import encryption
from pqkit.settings import settings
from pqkit.worker.attempt import drop_staged
from pqkit.worker.executor import Run, execute
from pqkit.worker.task_import import import_tasks


class Dry(NamedTuple):
    """Result of a dry run: recorded ``outcome``, ``result`` as JSON, ``error`` as traceback.

    ``lines`` are the log lines that it would have kept with the job, ``files`` those that it would have put in place.
    """

    outcome: str
    result: str | None
    error: str | None
    lines: list[str]
    files: list[str]


class Opened(NamedTuple):
    """A job and the copy of its queue; ``decrypt`` if its secrets are shown."""

    story: JobDetail
    url: str
    decrypt: bool

    @property
    def arguments(self) -> dict[str, Any]:
        """The handler's arguments before validation, without secrets."""
        found: dict[str, Any] = json.loads(self.story.job.args)
        return found

    @property
    def facts(self) -> dict[str, Any]:
        """The job's task, options and current state."""
        view = self.story.job
        wanted = ("task", "queue", "state", "priority", "attempt", "retries", "crashes", "max_retries", "worker")
        rest = {"backoff": self.story.backoff, "timeout": self.story.timeout, "error": view.error or ""}
        return {name: getattr(view, name) for name in wanted} | rest

    @property
    def log(self) -> list[str]:
        """The log lines of its runs, each with its attempt."""
        return [f"attempt {line.attempt}: {line.line}" for line in self.story.lines]

    def run_dry(self, *modules: str) -> Dry:
        """Run the handler, declared in one of these modules, in this process; the queue stays as is.

        Its session is on the copy and is rolled back; files that it stages are dropped. All its other side effects are
        real. Unless ``decrypt`` is set, secrets in the output are hidden, and all output of an encrypted job is.
        Raises Refused in the kernel of a job for a module that is not in the settings.
        """
        refuse_other_code(modules)
        import_tasks(modules)
        database, lines = connect(self.url), list[str]()
        view = self.story.job
        claim = Claim(
            view.queue, view.priority, view.id, view.attempt + 1, view.retries, view.crashes, 0, 0, 0, 0,
            view.task, as_stored(database, view.id), view.max_retries, self.story.backoff, self.story.timeout, None,
        )  # fmt: skip
        ctx = Context(view.id, claim.attempt, view.task, report_line=lines.append, open_session=database.session)
        private = is_private(claim) and not self.decrypt
        with _silence() if private else nullcontext():
            outcome = execute(Run(claim, database.now()), ctx)
        files = [target for staged, target in ctx.staged if Path(staged).exists()]
        drop_staged(ctx.staged)
        if ctx.opened is not None:
            ctx.opened.rollback()
            ctx.opened.close()
        database.close()
        return self._shown(outcome, [HIDDEN] if private and lines else lines, [HIDDEN] if private and files else files)

    def _shown(self, outcome: Outcome, lines: list[str], files: list[str]) -> Dry:
        result, error = outcome.result, outcome.error
        if self.decrypt:
            return Dry(
                outcome.kind, result and encryption.reveal(result), error and encryption.reveal(error), lines, files
            )
        result, error = result and redacted(encryption.shown_json(result)), error and redact(encryption.shown(error))
        return Dry(outcome.kind, result, error, [redact(line) for line in lines], files)


def go_to(project: str | Path) -> None:
    """Change to that folder, with its settings and modules, wherever the kernel was started."""
    refuse_other_code((), Path(project))
    os.chdir(project)
    sys.path.append(str(Path.cwd()))  # last: no file of it shadows a library
    settings.cache_clear()


@contextmanager
def _silence() -> Iterator[None]:
    """Suppress everything that is printed, logged or displayed."""
    disabled = logging.root.manager.disable
    with ExitStack() as quiet, Path(os.devnull).open("w") as nowhere:
        if "IPython" in sys.modules:
            from IPython.utils.capture import capture_output  # noqa: PLC0415 - available wherever IPython runs

            quiet.enter_context(capture_output())
        quiet.enter_context(redirect_stdout(nowhere))
        quiet.enter_context(redirect_stderr(nowhere))
        quiet.callback(logging.disable, disabled)
        logging.disable(logging.CRITICAL)
        yield


def open_job(url: str, job_id: int, here: Scratch, *, decrypt: bool = False) -> Opened:
    """Copy the queue into ``here`` and read the job there, with secrets only if ``decrypt``.

    Raises NotFound, DatabaseUnavailable, KeyMissing for a missing key, or Refused if a job asks to decrypt.
    """
    if decrypt and runs_as_job():
        raise Refused(NO_JOB)
    database = snapshot(url, here.folder)
    try:
        return Opened(job(database, job_id, decrypt=decrypt), database.url, decrypt)
    finally:
        database.close()
