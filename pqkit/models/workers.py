"""Workers, maintenance duties, clock steps and hook calls."""

from sqlalchemy import BigInteger, Column, Index
from sqlmodel import Field

from pqkit.models.base import Row, given_key, key
from pqkit.models.types import BIG, NARROW, Text


class WorkerRow(Row, table=True):
    """One life of a worker process, kept after its end; ``id`` is random and never reused.

    ``boot_id`` and ``beat`` (microseconds of a clock that cannot be set) decide about leases; ``heartbeat_at`` is for
    people. ``machine_at`` is the machine's clock at the last heartbeat, if leases use another clock. ``process_start``
    tells a process from a later one with the same pid; ``pid_space`` says where pids compare. ``queues`` is a JSON
    list, NULL for all.
    """

    __tablename__ = "worker"
    __table_args__ = (Index("worker_alive", "ended_at", "name"),)
    id: int = Field(sa_column=given_key())
    name: str = Field(sa_type=Text)
    host: str = Field(sa_type=Text)
    pid: int
    process_start: int = Field(sa_type=BigInteger)
    pid_space: str = Field(sa_type=Text)
    boot_id: str = Field(sa_type=Text)
    beat: int = Field(sa_type=BigInteger)
    slots: int
    queues: str | None = Field(default=None, sa_type=Text)
    version: str = Field(sa_type=Text)
    started_at: int = Field(sa_type=BigInteger)
    heartbeat_at: int = Field(sa_type=BigInteger)
    memory: int = Field(default=0, sa_type=BigInteger)
    stopping_at: int | None = Field(default=None, sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)
    end_reason: str | None = Field(default=None, sa_type=Text)
    machine_at: int | None = Field(default=None, sa_type=BigInteger)


class WorkerTaskRow(Row, table=True):
    """A task that a living worker knows; a claim takes no other."""

    __tablename__ = "worker_task"
    __table_args__ = (NARROW,)
    worker_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))
    task: str = Field(sa_column=Column(Text, primary_key=True))


class DutyFailureRow(Row, table=True):
    """A maintenance duty that failed repeatedly on a worker and has not succeeded there since.

    ``resigned``: the worker gave up maintenance because of it.
    """

    __tablename__ = "duty_failure"
    worker_id: int = Field(sa_column=Column(BIG, primary_key=True, autoincrement=False))
    duty: str = Field(sa_column=Column(Text, primary_key=True))
    at: int = Field(sa_type=BigInteger)
    error: str = Field(sa_type=Text)
    resigned: int


class ClockStepRow(Row, table=True):
    """A step of the wall clock: from ``at`` on it was ``ahead`` of the monotonic clock.

    Both are microseconds; ``at`` is a reading of that boot's monotonic clock. ``last_at``: the newest known write was
    then, or shortly after. The server's clock has no rows.
    """

    __tablename__ = "clock_step"
    id: int | None = Field(default=None, sa_column=key())
    boot_id: str = Field(sa_type=Text)
    at: int = Field(sa_type=BigInteger)
    ahead: int = Field(sa_type=BigInteger)
    last_at: int | None = Field(default=None, sa_type=BigInteger)


class HookRow(Row, table=True):
    """A state for which a process has hooks; ``at`` is when a process last confirmed it."""

    __tablename__ = "hook"
    state: str = Field(sa_column=Column(Text, primary_key=True))
    at: int = Field(sa_type=BigInteger)


class HookCallRow(Row, table=True):
    """A pending hook call, committed with the job's end and deleted after the call.

    ``caller`` is the process that should call the hooks, 0 for any that has hooks. If ``caller`` is no living worker,
    another process takes over from ``held_until`` on.
    """

    __tablename__ = "hook_call"
    __table_args__ = (Index("hook_call_by_caller", "caller", "id"),)
    id: int | None = Field(default=None, sa_column=key())
    job_id: int = Field(sa_type=BigInteger)
    task: str = Field(sa_type=Text)
    queue: str = Field(sa_type=Text)
    attempt: int
    state: str = Field(sa_type=Text)
    error: str | None = Field(default=None, sa_type=Text)
    ended_at: int = Field(sa_type=BigInteger)
    caller: int = Field(sa_type=BigInteger)
    held_until: int = Field(sa_type=BigInteger)


class DutyRow(Row, table=True):
    """The worker that holds a maintenance duty, until a time on the lease clock of ``boot_id``."""

    __tablename__ = "duty"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    worker_id: int = Field(sa_type=BigInteger)
    boot_id: str = Field(sa_type=Text)
    until: int = Field(sa_type=BigInteger)
