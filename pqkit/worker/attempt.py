"""One attempt: its context, its handler, and the commit of the handler's own session."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pqkit.db import Database
from pqkit.domain.context import Context
from pqkit.domain.outcomes import Claim, Outcome, is_private
from pqkit.domain.payload import clean_text
from pqkit.domain.states import JobState
from pqkit.errors import DatabaseUnavailable, LeaseLost
from pqkit.files import sync_file
from pqkit.leasing.finish import finish_in
from pqkit.leasing.finished_attempt import Finished
from pqkit.security import encryption
from pqkit.worker.executor import Run

if TYPE_CHECKING:
    from sqlmodel import Session

MAX_LINE = 2_000
Report = Callable[[Claim, float | None, str], None]
Execute = Callable[[Run, Context | None], Outcome]


def make_context(database: Database, run: Run, report: Report) -> Context:
    claim = run.claim
    said = _closed if is_private(claim) else encryption.keep_plain
    return Context(
        claim.job_id,
        claim.attempt,
        claim.task,
        report_progress=lambda fraction, note: report(claim, fraction, said(note)),
        report_line=lambda line: report(claim, None, said(line)),
        stop_asked=run.should_stop,
        open_session=database.session,
    )


def _closed(line: str) -> str:
    return encryption.close(clean_text(line, MAX_LINE))


def attempt(database: Database, run: Run, execute: Execute, report: Report) -> tuple[Outcome, bool]:
    """Run the handler; return the outcome, and true if the handler's session committed it."""
    ctx = make_context(database, run, report) if run.wants_context else None
    outcome = execute(run, ctx)
    return (outcome, False) if ctx is None else conclude(database, run, ctx, outcome)


def conclude(database: Database, run: Run, ctx: Context, outcome: Outcome) -> tuple[Outcome, bool]:
    """Sync the staged files to disk, and commit the handler's session together with the finish."""
    written, completed = False, False
    try:
        outcome = outcome._replace(files=_kept(ctx)) if ctx.staged else outcome
        if ctx.opened is not None:
            written = _commit(database, run, ctx, outcome)
        completed = outcome.state is JobState.COMPLETED
    except _errors(ctx) as error:
        outcome = run.outcome_of(error)
    finally:  # even if a session listener raises: an open session would keep the write lock
        if not completed:
            drop_staged(ctx.staged)
        if ctx.opened is not None:
            _close(ctx.opened)
    return outcome, written


def _errors(ctx: Context) -> tuple[type[Exception], ...]:
    if ctx.opened is None:
        return OSError, LeaseLost
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - loaded already where a session is open

    return OSError, LeaseLost, DatabaseUnavailable, SQLAlchemyError


def _close(session: "Session") -> None:
    try:
        session.close()
    except BaseException:  # noqa: BLE001 - the connection broke, which rolls back, or a listener failed
        session.invalidate()


def drop_staged(files: Sequence[tuple[str, str]]) -> None:
    """Remove an attempt's staged files, which will not be put in place."""
    for staged, _ in files:
        Path(staged).unlink(missing_ok=True)


def _kept(ctx: Context) -> tuple[tuple[str, str], ...]:
    """Return the staged files that the handler has written, synced to disk."""
    kept = tuple(pair for pair in ctx.staged if os.path.lexists(pair[0]))
    for staged, _ in kept:
        sync_file(Path(staged))
    return kept


def _commit(database: Database, run: Run, ctx: Context, outcome: Outcome) -> bool:
    assert ctx.opened is not None
    if outcome.state is not JobState.COMPLETED:
        ctx.opened.rollback()
        return False
    ctx.opened.flush()
    finish_in(database, ctx.opened, Finished(run.claim, outcome, run.started_at, run.moment))
    files, ctx.staged[:] = list(ctx.staged), []  # an unanswered commit may have succeeded and need them
    ctx.opened.commit()
    ctx.staged += files
    return True
