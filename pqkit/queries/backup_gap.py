"""What was written last and since when, and what is gone."""

import json
from typing import NamedTuple

from sqlalchemy import func, select, union_all

from pqkit.audit.seals import Span, from_text
from pqkit.db import Database
from pqkit.domain.states import JobState
from pqkit.sql.definitions.tables import ACTION, ATTEMPT, JOB, SEAL, WORKER


class Since(NamedTuple):
    """What happened since a moment: jobs queued, runs ended, things that operators did; not what was pruned since."""

    queued: int
    ended: int
    acted: int


def latest(database: Database) -> int | None:
    """The moment of the last thing on record (microseconds UTC); None where nothing is."""
    times = (JOB.c.created_at, ATTEMPT.c.ended_at, ACTION.c.at, WORKER.c.heartbeat_at)
    last = union_all(*(select(func.max(time).label("at")) for time in times)).subquery()
    with database.look() as connection:
        return connection.execute(select(func.max(last.c.at))).scalar()


def pruned(database: Database, state: JobState) -> list[Span]:
    """The ids of the jobs that were pruned in that state, by their seals."""
    with database.look() as connection:
        seals = connection.execute(select(SEAL.c.ids, SEAL.c.states).order_by(SEAL.c.id)).all()
    return [span for ids, states in seals if list(json.loads(states)) == [state] for span in from_text(ids)]


def since(database: Database, moment: int) -> Since:
    """What a queue that goes back to that moment would lose."""
    times = (JOB.c.created_at, ATTEMPT.c.ended_at, ACTION.c.at)
    with database.look() as connection:
        return Since(*(connection.execute(select(func.count()).where(time > moment)).scalar_one() for time in times))
