"""The chain of seals over what operators did."""

from pqkit.audit.seals import Entry, chained
from pqkit.db import Transaction
from pqkit.sql import compiled as sql

TRAIL = "actions"


def seal_actions(tx: Transaction) -> None:
    """Chain what was put on record since the last seal; the last step before the commit, for others wait meanwhile."""
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
