"""Which maintenance fails, and where."""

from typing import NamedTuple

from sqlalchemy import select

from pqkit.db import Database
from pqkit.models import table
from pqkit.redact import redact

FAILURE, WORKER = table("duty_failure"), table("worker")


class FailingDuty(NamedTuple):
    """A duty that fails again and again on a living worker, since ``at`` (microseconds UTC). ``resigned``: the worker
    has left maintenance to others for it."""

    worker: str
    duty: str
    at: int
    error: str
    resigned: bool


def failing_duties(database: Database) -> list[FailingDuty]:
    """What has failed several times in a row on workers that live, and has not succeeded there since."""
    asked = (
        select(WORKER.c.name, FAILURE.c.duty, FAILURE.c.at, FAILURE.c.error, FAILURE.c.resigned)
        .join_from(FAILURE, WORKER, WORKER.c.id == FAILURE.c.worker_id)
        .where(WORKER.c.ended_at.is_(None))
        .order_by(WORKER.c.name, FAILURE.c.duty)
    )
    with database.look() as connection:
        rows = [FailingDuty(*row[:-1], bool(row[-1])) for row in connection.execute(asked)]
    return [one._replace(error=redact(one.error)) for one in rows]
