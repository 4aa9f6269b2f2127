"""Switches the recording of job events, for programs that watch the queue."""

from pqkit.db import Database
from pqkit.domain.durations import SECOND
from pqkit.operations.operator import Deed, Operator
from pqkit.sql import compiled as sql

BATCH = 5_000
KEPT = 7 * 86_400 * SECOND
"""Microseconds for which an event is kept."""


def is_recording(database: Database) -> bool:
    with database.read() as tx:
        return bool(tx.cursor.execute(database.recording).fetchone()[0])


def record(operator: Operator, *, on: bool) -> None:
    """Switch the recording for all programs on the queue; while on, each write costs more."""
    database = operator.database
    with operator.writing("record_events") as tx:
        for text in database.triggers(on=on):
            tx.cursor.execute(text)
        operator.record(tx, database.now(), Deed("record_events", detail={"on": on}))


def forget_old(database: Database) -> None:
    """Delete week-old events: every watcher has had time to read them."""
    more = True
    while more:
        with database.write() as tx:
            more = tx.run(sql.FORGET_EVENTS, BATCH, database.now() - KEPT) == BATCH
