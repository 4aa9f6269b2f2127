"""Collects the evidence of an experiment from its folder and its database."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from pqkit.domain.states import JobState
from pqkit.files import private_folder
from pqkit.lab import Scratch
from pqkit.lab.harness.fleet import Member
from pqkit.lab.harness.ledger import entries, read_diaries
from pqkit.lab.harness.verdict import Evidence
from pqkit.lab.harness.workloads import EFFECTS
from pqkit.models import job_state
from pqkit.queries import Filter, jobs, misplaced, workers
from pqkit.queries.audit_history import audit
from pqkit.queue import Queue
from pqkit.sql import compiled as sql
from pqkit.sql.definitions.tables import ATTEMPT, REFUSAL

MANY = 1_000
STAMPS, DIARIES = "stamps", "told-*"
LEAVE_EFFECTS = ("lab.effect", "lab.stamp")
JOBS = job_state.c.id, job_state.c.state


class Budget(NamedTuple):
    """A job's state (None: it is in no table) and its charges."""

    state: JobState | None
    retries: int
    crashes: int


def prepare(place: Scratch, queue: Queue) -> Path:
    """Make the table and the folder in which workloads leave their effects; return the folder."""
    with queue.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {EFFECTS} (job_id INTEGER, attempt INTEGER)")
    stamps = place.folder / STAMPS
    private_folder(stamps)
    return stamps


def gather(place: Scratch, queue: Queue) -> Evidence:
    """Read all evidence of an experiment after the last change."""
    with queue.database.look() as connection:
        states = {job_id: state and JobState(state) for job_id, state in connection.execute(select(*JOBS))}
        accepted: dict[int, list[int]] = defaultdict(list)
        finals = select(ATTEMPT.c.job_id, ATTEMPT.c.attempt).where(ATTEMPT.c.outcome == "completed")
        for job_id, attempt in connection.execute(finals.order_by(*ATTEMPT.primary_key)):
            accepted[job_id].append(attempt)
        rows = connection.exec_driver_sql(f"SELECT job_id, attempt FROM {EFFECTS} ORDER BY 1, 2").all()  # noqa: S608 - ours
        with_effects = connection.scalars(select(job_state.c.id).where(job_state.c.task.in_(LEAVE_EFFECTS))).all()
    effects: dict[int, list[int]] = {job_id: [] for job_id in with_effects}
    for job_id, attempt in [*rows, *_stamped(place.folder / STAMPS)]:
        effects.setdefault(job_id, []).append(attempt)
    return Evidence(
        read_diaries(place.folder.glob(DIARIES)),
        entries(place.folder / "ledger"),
        states,
        accepted,
        effects,
        misplaced(queue.database),
        audit(queue.database),
    )


def budgets(queue: Queue) -> dict[int, Budget]:
    """Every job's state and charges."""
    columns = (*JOBS, job_state.c.retries, job_state.c.crashes)
    with queue.database.look() as connection:
        rows = connection.execute(select(*columns))
        return {job_id: Budget(state and JobState(state), *charged) for job_id, state, *charged in rows}


def in_hand(place: Scratch, queue: Queue, member: Member, but: Collection[str] = ()) -> list[int]:
    """The jobs that a worker holds and whose handlers have begun.

    Jobs of the tasks ``but`` are left out.
    """
    begun = {entry[:2] for entry in entries(place.folder / "ledger")}
    held = jobs(queue.database, Filter(states=(JobState.PROCESSING,)), limit=MANY)
    mine = [job for job in held if job.worker == member.name and job.task not in but]
    return [job.id for job in mine if (job.id, job.attempt) in begun]


def refusals(queue: Queue) -> int:
    """The number of finishes that the fence refused."""
    with queue.database.look() as connection:
        return len(connection.execute(select(REFUSAL.c.id)).all())


def on_duty(queue: Queue) -> int | None:
    """The pid of the worker that holds maintenance."""
    with queue.database.read() as tx:
        held = tx.row(sql.DUTY_HELD, queue.database.lease_moment()[1], "maintenance")
    return next((worker.pid for worker in workers(queue.database) if held and worker.id == held[0]), None)


def _stamped(folder: Path) -> Iterable[tuple[int, int]]:
    files = folder.glob("[0-9]*") if folder.exists() else ()
    return [(int(file.name), int(file.read_text())) for file in files]
