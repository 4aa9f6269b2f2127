"""Reads redrives and their jobs."""

from collections import defaultdict
from typing import Any, NamedTuple

from sqlalchemy import Connection, Executable, Row, func, select

from pqkit.db import Database
from pqkit.domain.redrive_plan import Fate, RedriveState, Tally
from pqkit.errors import NotFound
from pqkit.redaction.redact import redact, redacted
from pqkit.sql.definitions.tables import REDRIVE, REDRIVE_JOB

LATEST = 50


class RedriveView(NamedTuple):
    """A redrive; ``note`` says why it ended.

    ``step`` is the size of its last step, ``jobs`` the number of frozen jobs, ``wanted`` the filter in words.
    """

    id: int
    at: int
    who: str
    reason: str | None
    wanted: str
    state: RedriveState
    canary: int
    most: int
    tolerance: float
    step: int
    jobs: int
    note: str | None
    ended_at: int | None
    tally: Tally


class RedrivenJob(NamedTuple):
    """A job of a redrive: its fate, and why it was left alone."""

    job_id: int
    frozen_as: str
    fate: Fate
    note: str | None


def redrives(database: Database, limit: int = LATEST) -> list[RedriveView]:
    """Return the latest redrives, running ones first, then newest first."""
    running = REDRIVE.c.state != RedriveState.RUNNING
    with database.look() as connection:
        return _views(connection, select(REDRIVE).order_by(running, REDRIVE.c.id.desc()).limit(limit))


def redrive(database: Database, redrive_id: int) -> RedriveView:
    """Return one redrive. Raises NotFound."""
    with database.look() as connection:
        found = _views(connection, select(REDRIVE).where(REDRIVE.c.id == redrive_id))
    if not found:
        raise NotFound(f"there is no redrive {redrive_id}")
    return found[0]


def redriven(database: Database, redrive_id: int, fate: Fate, limit: int = LATEST) -> list[RedrivenJob]:
    """Return the jobs of a redrive with this fate, by id."""
    columns = (REDRIVE_JOB.c.job_id, REDRIVE_JOB.c.frozen_as, REDRIVE_JOB.c.note)
    asked = select(*columns).where(REDRIVE_JOB.c.redrive_id == redrive_id, REDRIVE_JOB.c.state == fate)
    with database.look() as connection:
        rows = connection.execute(asked.order_by(REDRIVE_JOB.c.job_id).limit(limit))
        return [RedrivenJob(row.job_id, row.frozen_as, fate, row.note and redact(row.note)) for row in rows]


def _views(connection: Connection, asked: Executable) -> list[RedriveView]:
    rows = list(connection.execute(asked))
    counted = (
        select(REDRIVE_JOB.c.redrive_id, REDRIVE_JOB.c.state, func.count())
        .where(REDRIVE_JOB.c.redrive_id.in_([row.id for row in rows]))
        .group_by(REDRIVE_JOB.c.redrive_id, REDRIVE_JOB.c.state)
    )
    tallies: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for redrive_id, fate, number in connection.execute(counted):
        tallies[redrive_id][fate] = number
    return [_view(row, Tally(**tallies[row.id])) for row in rows]


def _view(row: Row[Any], tally: Tally) -> RedriveView:
    view = RedriveView._make((*row, tally))._replace(state=RedriveState(row.state))
    return view._replace(reason=view.reason and redact(view.reason), wanted=redacted(view.wanted))
