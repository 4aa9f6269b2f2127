"""Slots of schedules: a slot's job, skipped slots, and a schedule's next version."""

from pqkit.db import Transaction
from pqkit.domain.schedule_times import Schedule
from pqkit.jobs.insert import Inserter
from pqkit.jobs.spec import Order, Ties
from pqkit.security import encryption
from pqkit.sql import compiled as sql


def update(tx: Transaction, new: Schedule) -> None:
    """Write a changed schedule as its next version."""
    values = new._replace(version=new.version + 1)._asdict()
    tx.run(sql.UPDATE_SCHEDULE, *(values[field] for field in values if field not in {"name", "created_at"}), new.name)


def skip(tx: Transaction, name: str, slots: list[int], reason: str, now: int) -> None:
    """Record in one row that these consecutive slots are skipped."""
    tx.run(sql.INSERT_SLOT, name, slots[0], slots[-1], len(slots), None, reason, now)


def insert_slot_job(
    inserter: Inserter, tx: Transaction, schedule: Schedule, slot: int, after: tuple[int, ...] = ()
) -> int:
    """Queue a slot's job, to run when the jobs ``after`` have ended in any state."""
    policy = (schedule.max_retries, schedule.backoff, schedule.timeout)
    order = Order(schedule.task, None, schedule.queue, schedule.priority, *policy, None, None)
    order = order._replace(ties=Ties(tuple(sorted(after)), "continue"))
    text = schedule._replace(args=encryption.reveal(schedule.args)).args_at(slot)
    return inserter.insert(tx, order, encryption.close_json(text) if encryption.is_sealed(schedule.args) else text).id
