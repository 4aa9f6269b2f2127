"""Job events in commit order, from a cursor on: see ``pqkit watch``."""

import re
from typing import NamedTuple

from sqlalchemy import select, tuple_

from pqkit.db import Database
from pqkit.errors import PqkitError
from pqkit.redaction.redact import redact
from pqkit.security import encryption
from pqkit.sql.definitions.tables import EVENT, JOB


class Cursor(NamedTuple):
    """A reader's position: behind this event."""

    tx: int
    id: int

    def __str__(self) -> str:
        return f"{self.tx:x}-{self.id:x}"


BEGINNING = Cursor(-1, -1)


class BadCursor(PqkitError, ValueError):
    """The text is no cursor of an event."""


class EventView(NamedTuple):
    """A job's change to the state ``event``, or an operator's action.

    For an action, ``event`` is ``action`` and ``note`` describes it; otherwise ``note`` is the error in one line, if
    there was one. ``queue`` and ``task`` are None if the job was deleted.
    """

    cursor: Cursor
    at: int
    event: str
    job: int | None
    queue: str | None
    task: str | None
    attempt: int | None
    note: str | None


def cursor_of(text: str) -> Cursor:
    """Parse a cursor. Raises BadCursor."""
    found = re.fullmatch(r"([0-9a-f]{1,15})-([0-9a-f]{1,15})", text)
    if found is None:
        raise BadCursor(f"{text!r} is no cursor: take the one of the last line that was read")
    return Cursor(int(found[1], 16), int(found[2], 16))


def newest(database: Database) -> Cursor:
    """Return the cursor behind the last recorded event."""
    asked = select(EVENT.c.tx, EVENT.c.id).order_by(EVENT.c.tx.desc(), EVENT.c.id.desc()).limit(1)
    with database.look() as connection:
        row = connection.execute(asked.where(EVENT.c.tx < database.settled(connection))).first()
    return BEGINNING if row is None else Cursor(*row)


def stream(database: Database, after: Cursor, most: int = 500) -> list[EventView]:
    """Return at most ``most`` events after a cursor."""
    columns = (EVENT.c.tx, EVENT.c.id, EVENT.c.at, EVENT.c.what, EVENT.c.job_id, JOB.c.queue, JOB.c.task)
    asked = (
        select(*columns, EVENT.c.attempt, EVENT.c.note)
        .outerjoin_from(EVENT, JOB, JOB.c.id == EVENT.c.job_id)
        .where(tuple_(EVENT.c.tx, EVENT.c.id) > tuple_(*after))
        .order_by(EVENT.c.tx, EVENT.c.id)
        .limit(most)
    )
    with database.look() as connection:
        rows = connection.execute(asked.where(EVENT.c.tx < database.settled(connection))).all()
    return [EventView(Cursor(*row[:2]), *row[2:8], _line(row[8])) for row in rows]


def _line(note: str | None) -> str | None:
    return None if note is None else " ".join(redact(encryption.shown(note)).split())
