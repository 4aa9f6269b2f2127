"""Encryption keys that a queue's jobs use."""

from typing import NamedTuple

from sqlalchemy import Text as AnyText
from sqlalchemy import case, cast, func, select

from pqkit.db import Database
from pqkit.security import encryption
from pqkit.sql.definitions.tables import CLOSED, JOB


class KeyUse(NamedTuple):
    """Number of jobs encrypted with a key, and how many of them have not ended."""

    key: str
    jobs: int
    unfinished: int


def keys_in_use(database: Database) -> list[KeyUse]:
    """Count the jobs by the key of their arguments. It reads every job."""
    text = cast(JOB.c.args, AnyText)
    key = func.substr(text, len(encryption.JSON_MARK) + 1, encryption.ID_LENGTH)
    open_ = func.sum(case((CLOSED.c.job_id.is_(None), 1), else_=0))
    counted = select(key, func.count(), open_).select_from(JOB.outerjoin(CLOSED, CLOSED.c.job_id == JOB.c.id))
    with database.look() as connection:
        rows = connection.execute(counted.where(text.startswith(encryption.JSON_MARK)).group_by(key).order_by(key))
        return [KeyUse(*row) for row in rows]
