"""The hash chain of seals over the operators' actions."""

from pqkit.audit.seals import Entry, chained
from pqkit.db import Transaction
from pqkit.sql import compiled as sql

TRAIL = "actions"


def seal_actions(tx: Transaction) -> None:
    """Chain the actions recorded since the last seal.

    Call it last before the commit: other writers wait for its lock.
    """
    row = tx.row(sql.TRAIL_LOCKED, TRAIL)
    if row is None:
        tx.run(sql.INSERT_TRAIL, TRAIL, 0, "", 0)
        row = tx.row(sql.TRAIL_LOCKED, TRAIL)
    place, last, since = row
    for action_id, *told in tx.rows(sql.UNSEALED, since):
        place += 1
        last = chained(Entry(place, *told), last)
        tx.run(sql.SEAL_ACTION, place, last, action_id)
    tx.run(sql.SET_TRAIL, place, last, TRAIL)
