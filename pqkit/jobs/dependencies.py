"""Dependencies: jobs that wait for other jobs. A batch is a job that waits for its members.

The waiting job is inserted at once, so exactly one exists in every case; its due time is ``NEVER`` until maintenance
finds that nothing is left to wait for.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pqkit.db import Transaction
from pqkit.domain.names import BadOrder
from pqkit.domain.states import NEVER
from pqkit.errors import Refused
from pqkit.jobs.spec import Order
from pqkit.jobs.transitions import find
from pqkit.sql import compiled as sql

MOST_DEPENDENCIES = 1_000_000
MOST_WAITS = 100_000
"""Limit on the waits of jobs that are queued together: their one transaction blocks all other writers."""


class Dependent(NamedTuple):
    """A job that waits for others; see ``DependentRow``."""

    job_id: int
    batch: str | None
    on_fail: str
    due_at: int | None
    passed: int
    created_at: int


def refuse_unknown(tx: Transaction, order: Order) -> None:
    """Raise BadOrder if the order waits for an unknown job; called before any write."""
    ties = order.ties
    for awaited in ties.depends_on if ties.batch is None else ():
        if tx.row(sql.JOB_EXISTS, awaited) is None:
            raise BadOrder(f"there is no job {awaited} to depend on")


def enter(tx: Transaction, order: Order, ids: Sequence[int], now: int) -> None:
    """Insert what these new jobs wait for. Raises BadOrder for too many waits."""
    ties = order.ties
    check_waits(len(ids) if ties.batch is None else 0, len(ties.depends_on), MOST_WAITS)
    for job_id in ids:
        tx.run(sql.INSERT_DEPENDENT, job_id, ties.batch, ties.if_failed, order.due_at, 0, now)
        tx.run_many(sql.INSERT_DEPENDENCY, [(job_id, awaited) for awaited in ties.depends_on])


def check_waits(jobs: int, awaited: int, most: int) -> None:
    """Raise BadOrder if ``jobs`` waiting for ``awaited`` jobs each exceed ``most`` waits."""
    if jobs * awaited > most:
        raise BadOrder(
            f"{jobs} jobs that wait for {awaited} others each are {jobs * awaited} waits, and {most} may be queued at "
            "once: queue them in parts, or let them wait for one batch"
        )


def hold_open(tx: Transaction, batch: int) -> Dependent:
    """Lock a batch so that it cannot end during this transaction. Raises Refused if it is over."""
    row, job = tx.row(sql.DEPENDENT_LOCKED, batch), find(tx, batch)
    if row is None or Dependent._make(row).batch is None or job is None or job.due_at != NEVER:
        raise Refused(f"batch {batch} is over, or there is none")
    return Dependent._make(row)


def refuse_lost_wait(tx: Transaction, order: Order, holder: int) -> None:
    """Raise Refused if the holder of the order's key lacks what the order waits for.

    The holder would have to complete the same batch, or wait for the same jobs. The holder is not changed.
    """
    ties = order.ties
    if ties.batch is not None:
        raise Refused(
            f"batch {ties.batch} is not queued: the unique key {order.unique_key!r} of its completion job is held by "
            f"job {holder}, and its members would have none"
        )
    if ties.depends_on:
        waits = {row[0] for row in tx.rows(sql.NEXT_DEPENDENCIES, holder, 0, MOST_DEPENDENCIES)}
        lost = next((job for job in ties.depends_on if job not in waits and not _has_ended(tx, job)), None)
        if lost is not None:
            raise Refused(f"job {holder} has the unique key {order.unique_key!r} and does not wait for job {lost}")


def refuse_circle(tx: Transaction, batch: int, member: int) -> None:
    """Raise Refused for a cycle: a member that waits for its own batch, so neither would run."""
    if tx.row(sql.WAITS_FOR, member, batch) is not None:
        raise Refused(f"job {member} waits for batch {batch}: it cannot be a member of it")


def _has_ended(tx: Transaction, job_id: int) -> bool:
    job = find(tx, job_id)
    return job is None or job.state.final
