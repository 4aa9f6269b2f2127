"""Whether what happens to jobs is recorded, event by event, for those who watch."""

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.operations.operator import Deed, Operator
from pqkit.sql import compiled as sql

BATCH = 5_000
KEPT = 7 * 86_400 * SECOND
"""Microseconds that an event is kept."""


def is_recording(database: Database) -> bool:
    with database.read() as tx:
        return bool(tx.cursor.execute(database.recording).fetchone()[0])


def record(operator: Operator, *, on: bool) -> None:
    """Begin or end the recording, for every program that works on the queue. While it is on, each write costs more."""
    database = operator.database
    with operator.writing("record_events") as tx:
        for text in database.triggers(on=on):
            tx.cursor.execute(text)
        operator.record(tx, database.now(), Deed("record_events", detail={"on": on}))


def forget_old(database: Database) -> None:
    """Drop events that nobody can have missed: those of a week ago."""
    more = True
    while more:
        with database.write() as tx:
            more = tx.run(sql.FORGET_EVENTS, BATCH, database.now() - KEPT) == BATCH
