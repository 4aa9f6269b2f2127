"""Reads the dependencies between jobs, and batches."""

from typing import NamedTuple

from sqlalchemy import Connection, Executable, func, select

from pqkit.db import Database
from pqkit.domain.states import FINAL, JobState
from pqkit.errors import NotFound
from pqkit.models import job_state
from pqkit.redaction.redact import redact
from pqkit.sql.definitions.tables import DEPENDENCY, DEPENDENT


class WaitView(NamedTuple):
    """The jobs that a job waits for; ``members`` counts them by state.

    ``on_fail`` is the effect of a failure. ``blocker`` is the first job in the way, with its state (None if it was
    deleted).
    """

    batch: str | None
    on_fail: str
    blocker: tuple[int, JobState | None] | None
    members: dict[JobState, int]

    @property
    def unfinished(self) -> int:
        return sum(count for state, count in self.members.items() if state not in FINAL)


class BatchView(NamedTuple):
    """A batch; ``id`` and ``state`` are those of its completion job.

    ``members`` counts the other jobs by state.
    """

    id: int
    name: str
    on_member_fail: str
    state: JobState
    created_at: int
    released_at: int | None
    members: dict[JobState, int]


def waits(database: Database, job_id: int) -> WaitView | None:
    """Return the jobs that a job still waits for; None if it waits for no other job."""
    with database.look() as connection:
        row = connection.execute(
            select(DEPENDENT.c.batch, DEPENDENT.c.on_fail, DEPENDENT.c.passed).where(
                DEPENDENT.c.job_id == job_id, DEPENDENT.c.released_at.is_(None)
            )
        ).first()
        if row is None:
            return None
        blocker = _blocker(connection, job_id, row.passed, minds_failures=row.on_fail != "continue")
        return WaitView(row.batch and redact(row.batch), row.on_fail, blocker, _members(connection, job_id))


def batches(database: Database, limit: int = 50) -> list[BatchView]:
    """Return the newest batches, newest first."""
    with database.look() as connection:
        return _views(connection, _BATCHES.order_by(DEPENDENT.c.job_id.desc()).limit(limit))


def batch(database: Database, batch_id: int) -> BatchView:
    """Return the batch of that completion job. Raises NotFound."""
    with database.look() as connection:
        found = _views(connection, _BATCHES.where(DEPENDENT.c.job_id == batch_id))
    if not found:
        raise NotFound(f"there is no batch {batch_id}")
    return found[0]


def members(database: Database, batch_id: int, limit: int = 100) -> list[int]:
    """Return the ids of the first members of a batch."""
    asked = select(DEPENDENCY.c.on_job_id).where(DEPENDENCY.c.job_id == batch_id).order_by(DEPENDENCY.c.on_job_id)
    with database.look() as connection:
        return list(connection.scalars(asked.limit(limit)))


def _blocker(
    connection: Connection, job_id: int, passed: int, *, minds_failures: bool
) -> tuple[int, JobState | None] | None:
    fine = (JobState.COMPLETED,) if minds_failures else FINAL
    state = func.coalesce(job_state.c.state, "deleted" if minds_failures else JobState.COMPLETED)
    asked = (
        select(DEPENDENCY.c.on_job_id, job_state.c.state)
        .outerjoin_from(DEPENDENCY, job_state, job_state.c.id == DEPENDENCY.c.on_job_id)
        .where(DEPENDENCY.c.job_id == job_id, DEPENDENCY.c.on_job_id > passed, state.not_in(fine))
        .order_by(DEPENDENCY.c.on_job_id)
    )
    row = connection.execute(asked.limit(1)).first()
    return None if row is None else (row[0], None if row[1] is None else JobState(row[1]))


_BATCHES = (
    select(DEPENDENT.c.job_id, DEPENDENT.c.batch, DEPENDENT.c.on_fail, job_state.c.state)
    .add_columns(DEPENDENT.c.created_at, DEPENDENT.c.released_at)
    .join_from(DEPENDENT, job_state, job_state.c.id == DEPENDENT.c.job_id)
    .where(DEPENDENT.c.batch.is_not(None))
)


def _views(connection: Connection, asked: Executable) -> list[BatchView]:
    rows = list(connection.execute(asked))
    return [
        BatchView._make((row[0], redact(row[1]), row[2], JobState(row[3]), *row[4:], _members(connection, row[0])))
        for row in rows
    ]


def _members(connection: Connection, job_id: int) -> dict[JobState, int]:
    asked = (
        select(job_state.c.state, func.count())
        .join_from(DEPENDENCY, job_state, job_state.c.id == DEPENDENCY.c.on_job_id)
        .where(DEPENDENCY.c.job_id == job_id)
        .group_by(job_state.c.state)
    )
    found: dict[str, int] = dict(connection.execute(asked).all())
    return {state: found[state] for state in JobState if state in found}
