"""Time of the last record, records since a moment, and pruned jobs."""

import json
from typing import NamedTuple

from sqlalchemy import func, select, union_all

from pqkit.audit.seals import Span, from_text
from pqkit.db import Database
from pqkit.domain.states import JobState
from pqkit.sql.definitions.tables import ACTION, ATTEMPT, JOB, SEAL, WORKER


class Since(NamedTuple):
    """Counts since a moment: jobs queued, runs ended, operators' actions.

    Rows pruned since that moment are not counted.
    """

    queued: int
    ended: int
    acted: int


def latest(database: Database) -> int | None:
    """Return the time of the last record (microseconds UTC), or None if there is none."""
    times = (JOB.c.created_at, ATTEMPT.c.ended_at, ACTION.c.at, WORKER.c.heartbeat_at)
    last = union_all(*(select(func.max(time).label("at")) for time in times)).subquery()
    with database.look() as connection:
        return connection.execute(select(func.max(last.c.at))).scalar()


def pruned(database: Database, state: JobState) -> list[Span]:
    """Return the ids of the jobs pruned in that state, by their seals."""
    with database.look() as connection:
        seals = connection.execute(select(SEAL.c.ids, SEAL.c.states).order_by(SEAL.c.id)).all()
    return [span for ids, states in seals if list(json.loads(states)) == [state] for span in from_text(ids)]


def since(database: Database, moment: int) -> Since:
    """Count the records that a queue would lose by going back to that moment."""
    times = (JOB.c.created_at, ATTEMPT.c.ended_at, ACTION.c.at)
    with database.look() as connection:
        return Since(*(connection.execute(select(func.count()).where(time > moment)).scalar_one() for time in times))
