"""Maintenance duties that fail, by worker."""

from typing import NamedTuple

from sqlalchemy import select

from pqkit.db import Database
from pqkit.redaction.redact import redact
from pqkit.sql.definitions.tables import DUTY_FAILURE, WORKER


class FailingDuty(NamedTuple):
    """A duty that fails repeatedly on a living worker, since ``at`` (microseconds UTC).

    ``resigned``: the worker has left maintenance to others because of it.
    """

    worker: str
    duty: str
    at: int
    error: str
    resigned: bool


def failing_duties(database: Database) -> list[FailingDuty]:
    """Return duties that failed several times in a row on living workers.

    They have not succeeded there since.
    """
    asked = (
        select(WORKER.c.name, DUTY_FAILURE.c.duty, DUTY_FAILURE.c.at, DUTY_FAILURE.c.error, DUTY_FAILURE.c.resigned)
        .join_from(DUTY_FAILURE, WORKER, WORKER.c.id == DUTY_FAILURE.c.worker_id)
        .where(WORKER.c.ended_at.is_(None))
        .order_by(WORKER.c.name, DUTY_FAILURE.c.duty)
    )
    with database.look() as connection:
        rows = [FailingDuty(*row[:-1], bool(row[-1])) for row in connection.execute(asked)]
    return [one._replace(error=redact(one.error)) for one in rows]
