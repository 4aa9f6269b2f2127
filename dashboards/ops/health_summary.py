"""The health verdict in one sentence, from the page's numbers; the first matching rule wins."""

from collections.abc import Iterator
from math import inf
from typing import Literal, NamedTuple

from pqkit.domain.durations import SECOND
from pqkit.domain.states import JobState
from pqkit.queries import QueueView, WorkerView

from ..formatting import age, count, jobs, sentence
from ..queue_snapshot import Snapshot

Level = Literal["good", "busy", "warn", "bad", "unknown"]
SILENT_AFTER = 10.0
STALLED_AFTER = 60.0
WORTH = 5.0
"""Seconds of waiting work below which the queue does not count as growing."""


class Verdict(NamedTuple):
    """A health verdict: ``headline`` of one or two words, ``reason`` with the numbers."""

    level: Level
    headline: str
    reason: str


def judge(seen: Snapshot) -> Verdict:
    """Judge a snapshot."""
    if seen.counts is None:
        return Verdict("unknown", "No data yet", "The database has not been read so far.")
    return next(_rules(seen, seen.counts), Verdict("good", "Healthy", _calm(seen, seen.counts)))


def _rules(seen: Snapshot, counts: dict[JobState, int]) -> Iterator[Verdict]:
    pending, processing = counts[JobState.PENDING], counts[JobState.PROCESSING]
    silent = [w for w in seen.workers if silence(w) > SILENT_AFTER]
    last = seen.pace
    ended = last.completed + last.failed
    if seen.obstacle and seen.obstacle.fatal:
        yield Verdict("bad", "Blocked", sentence(seen.obstacle.words))
    if not seen.workers and pending + processing:
        yield Verdict("bad", "Workers missing", f"{jobs(pending + processing)} unfinished and no worker runs.")
    if silent:
        known = list(dict.fromkeys(w.name for w in silent))
        names = ", ".join(known[:3]) + (" …" if len(known) > 3 else "")
        yield Verdict("bad", "Workers silent", f"No heartbeat from {names}; their jobs will be rescued.")
    if seen.obstacle:
        yield Verdict("warn", "Held back", sentence(seen.obstacle.words))
    if pending and _paused(seen):
        yield Verdict("warn", "Paused", f"{jobs(pending)} waiting, all in paused queues.")
    if seen.unserved:
        first = seen.unserved[0]
        reason = (
            f"{jobs(first.jobs)} of task {first.task} in queue {first.queue} wait, and no living worker may take them."
        )
        yield Verdict("bad", "Nobody serves", reason)
    if pending and not ended and _oldest(seen) > STALLED_AFTER:
        yield _stalled(seen, pending, processing)
    if last.failed > last.completed / 4 and last.failed >= 3:
        share = 100 * last.failed / ended
        yield Verdict("warn", "Failing", f"{share:.0f} % of the attempts that ended in the last minute failed.")
    if pending:
        yield from _trend(seen, pending, ended)


def _trend(seen: Snapshot, pending: int, ended: float) -> Iterator[Verdict]:
    before, seconds = seen.pace.before, seen.pace.seconds
    change = 0 if before is None else round(pending - before)
    if change > max(10, pending / 20) and pending > ended / 60 * WORTH:
        reason = (
            f"{jobs(pending)} waiting, {count(change)} more than {age(seconds)} ago; {count(ended)} end per minute."
        )
        yield Verdict("warn", "Growing", reason)
    if change < -max(10, pending / 20) and ended:
        reason = f"{jobs(pending)} waiting, {count(-change)} fewer than {age(seconds)} ago: {_to_go(seen, change)}."
        yield Verdict("busy", "Draining", reason)
    if _oldest(seen) > STALLED_AFTER:
        reason = f"{jobs(pending)} waiting, the oldest for {age(_oldest(seen))}; {count(ended)} end per minute."
        yield Verdict("busy", "Behind", reason)


def _stalled(seen: Snapshot, pending: int, processing: int) -> Verdict:
    slots = sum(w.slots for w in seen.workers)
    if processing >= slots:
        reason = f"All {slots} slots hold jobs that run for more than a minute; {jobs(pending)} waiting."
        return Verdict("busy", "Slots taken", reason)
    reason = f"{jobs(pending)} waiting, the oldest for {age(_oldest(seen))}, and none ended in the last minute."
    return Verdict("bad", "Stalled", reason)


def _calm(seen: Snapshot, counts: dict[JobState, int]) -> str:
    ended = seen.pace.completed + seen.pace.failed
    running = f"{len(seen.workers)} worker{'' if len(seen.workers) == 1 else 's'}"
    waiting = counts[JobState.PENDING]
    return f"{running}, {jobs(waiting) if waiting else 'nothing'} waiting, {count(ended)} ended in the last minute."


def silence(worker: WorkerView) -> float:
    """Seconds since the worker's last heartbeat; infinite for a life before the last boot."""
    return inf if worker.heartbeat_age is None else worker.heartbeat_age


def paused(queue: QueueView, now: int) -> bool:
    """True if the queue is paused at ``now`` (microseconds UTC)."""
    return queue.paused_at is not None and (queue.paused_until is None or queue.paused_until > now)


def _paused(seen: Snapshot) -> bool:
    return all(paused(queue, seen.at or 0) for queue in seen.queues if queue.pending)


def _oldest(seen: Snapshot) -> float:
    return max((q.oldest_pending_age or 0.0 for q in seen.queues), default=0.0)


def _to_go(seen: Snapshot, change: int) -> str:
    """Time until the last queue is empty, by the stored forecasts.

    If a queue has no forecast, the last minute's change decides.
    """
    forecasts = seen.outlook.forecasts
    if any(each.likely_at is None for each in forecasts) or not forecasts or seen.counts is None or seen.at is None:
        pending = seen.counts[JobState.PENDING] if seen.counts else 0
        return f"about {age(pending * seen.pace.seconds / -change)} to go"
    last = max(forecasts, key=lambda each: each.likely_at or 0)
    likely, latest = (((moment or 0) - seen.at) / SECOND for moment in (last.likely_at, last.latest_at))
    most = f"at most {age(latest)}" if last.latest_at else "perhaps never"
    return f"about {age(likely)} to go, {most}"
