"""Forecasts when queues will be empty: made once a minute from samples, stored, and judged."""

from collections import defaultdict
from typing import NamedTuple

from pqkit.db import Database, Transaction
from pqkit.domain.durations import SECOND
from pqkit.domain.forecast_model import Drain, came_so, drain
from pqkit.sql import compiled as sql

LOOK_BACK = 300 * SECOND
EACH = 60 * SECOND
HORIZON = 1_800 * SECOND
"""A forecast that a queue will not drain is right if the queue has not drained after this time."""
OPEN_END = 86_400 * SECOND
KEEP = 90 * 86_400 * SECOND


class Open(NamedTuple):
    """A forecast that is not judged yet."""

    id: int
    at: int
    queue: str
    earliest: int | None
    likely: int | None
    latest: int | None


def foresee(database: Database) -> None:
    """Judge the forecasts that are due, and make new ones for queues whose last is a minute old."""
    now = database.now()
    with database.read() as tx:
        points = _points(tx, now)
        paused = {name for (name,) in tx.rows(sql.PAUSED_NOW, now)}
        waiting = [Open._make(row) for row in tx.rows(sql.OPEN_FORECASTS)]
    depths = {queue: rows[-1][1] for queue, rows in points.items()}
    decided = [(now, hit, each.id) for each in waiting for hit in _verdict(each, depths, paused, now)]
    newest: dict[str, int] = {}
    for each in waiting:
        newest[each.queue] = max(each.at, newest.get(each.queue, 0))
    made = [
        _row(queue, rows[-1][1], found, now)
        for queue, rows in points.items()
        if queue and queue not in paused and now - newest.get(queue, 0) >= EACH and (found := drain(rows, now))
    ]
    if decided or made:
        with database.write() as tx:
            for values in decided:
                tx.run(sql.DECIDE_FORECAST, *values)
            tx.run_many(sql.INSERT_FORECAST, made)
            tx.run(sql.FORGET_FORECASTS, now - KEEP)


def _points(tx: Transaction, now: int) -> dict[str, list[tuple[int, int]]]:
    """The pending jobs at each pulse since a queue was last empty; its last pulse if empty now."""
    times = [at for (at,) in tx.rows(sql.PULSE_TIMES, now - LOOK_BACK)]
    depths: dict[str, dict[int, int]] = defaultdict(dict)
    for at, queue, pending in tx.rows(sql.PENDING_OF, now - LOOK_BACK):
        depths[queue][at] = pending
    return {queue: _since_empty([(at, known.get(at, 0)) for at in times]) for queue, known in depths.items() if times}


def _since_empty(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    last_empty = max((i for i, point in enumerate(points) if not point[1]), default=-1)
    return points[last_empty + 1 :] or points[-1:]


def _verdict(each: Open, depths: dict[str, int], paused: set[str], now: int) -> list[int | None]:
    """[1] or [0] for a judged forecast, [None] if it never can be judged, [] if it is too early."""
    if each.queue in paused:
        return [None]
    end = each.at + HORIZON if each.likely is None else (each.latest or each.at + OPEN_END)
    drained = not depths.get(each.queue)
    if not drained and now <= end:
        return []
    return [int(came_so(*each[3:], now if drained else None))]


def _row(queue: str, pending: int, found: Drain, now: int) -> tuple[object, ...]:
    return now, queue, pending, *(None if s is None else now + round(s * SECOND) for s in found)
