"""Down-samples old metrics: averages gauges and keeps the last value of counters."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from pqkit.db import Transaction
from pqkit.domain.durations import SECOND
from pqkit.domain.samples import Depth, Pulse
from pqkit.leasing.run_metrics import KEEP, MERGES
from pqkit.sql import compiled as sql

MOST_BINS = 60
"""Wide rows made in one step; later steps do the rest."""
LEVELS = ("pending", "scheduled", "retrying", "processing")


def widen_samples(tx: Transaction, now: int) -> int:
    """Merge old samples and delete the oldest; return by how many the pulses decreased."""
    fewer = sum(_widen(tx, fine, wide, now - age * SECOND) for fine, wide, age in MERGES)
    too_old = (MERGES[-1][1], 0, now - KEEP * SECOND)
    tx.run(sql.DELETE_DEPTHS, *too_old)
    return fewer + tx.run(sql.DELETE_PULSES, *too_old)


def _widen(tx: Transaction, fine: int, wide: int, before: int) -> int:
    fewer, step = 0, wide * SECOND
    for _ in range(MOST_BINS):
        oldest = tx.row(sql.OLDEST_PULSE, fine)[0]
        if oldest is None or oldest // step * step + step > before:
            break
        place = {"at": oldest // step * step, "width": wide}
        span = (fine, place["at"], place["at"] + step)
        pulses = [Pulse._make(row) for row in tx.rows(sql.PULSES, *span)]
        depths = [Depth._make(row) for row in tx.rows(sql.DEPTHS, *span)]
        tx.run(sql.DELETE_PULSES, *span)
        tx.run(sql.DELETE_DEPTHS, *span)
        tx.run(sql.INSERT_PULSE, *_pulse(pulses)._replace(**place))
        tx.run_many(sql.INSERT_DEPTH, [each._replace(**place) for each in _depths(depths, pulses)])
        fewer += len(pulses) - 1
    return fewer


def _pulse(pulses: Sequence[Pulse]) -> Pulse:
    means: dict[str, Any] = {
        name: _mean(pulses, name) for name in ("workers", "slots", "busy", "memory", "commit_time")
    }
    most = max((pulse.commit_most for pulse in pulses if pulse.commit_most is not None), default=None)
    return pulses[-1]._replace(samples=sum(pulse.samples for pulse in pulses), commit_most=most, **means)


def _mean(pulses: Sequence[Pulse], name: str) -> int | None:
    known = [(getattr(pulse, name), pulse.samples) for pulse in pulses if getattr(pulse, name) is not None]
    return round(sum(value * count for value, count in known) / sum(n for _, n in known)) if known else None


def _depths(depths: Sequence[Depth], pulses: Sequence[Pulse]) -> list[Depth]:
    """Average each queue's depths; a queue without a row at a pulse had no unfinished job."""
    weight_at = {pulse.at: pulse.samples for pulse in pulses}
    whole = sum(weight_at.values())
    queues: dict[str, list[Depth]] = defaultdict(list)
    for each in depths:
        queues[each.queue].append(each)
    merged = []
    for rows in queues.values():
        means: dict[str, Any] = {
            name: round(sum(getattr(row, name) * weight_at.get(row.at, 1) for row in rows) / whole) for name in LEVELS
        }
        oldest = max((row.oldest for row in rows if row.oldest is not None), default=None)
        merged.append(rows[-1]._replace(oldest=oldest, **means))
    return merged
