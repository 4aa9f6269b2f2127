"""Schemas of queues, workers and statistics."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from pqkit.api.schemas.base import Asked, Delay, Moment, Name, Shape
from pqkit.domain.states import JobState


class NewQueue(Shape):
    name: Name


class QueueOut(BaseModel):
    name: str
    pending: int
    scheduled: int
    retrying: int
    processing: int
    oldest_pending_age: float | None = Field(description="Seconds that the oldest pending job has waited.")
    paused_at: Moment | None
    paused_until: Moment | None
    paused_by: str | None
    pause_reason: str | None


class Pause(Asked):
    """Stop claims for ``seconds``, or until the queue is resumed."""

    seconds: Delay | None = None


class WorkerOut(BaseModel):
    id: Annotated[str, BeforeValidator(lambda value: f"{value:x}" if isinstance(value, int) else value)]
    name: str
    host: str
    pid: int
    slots: int
    running: int
    queues: list[str]
    tasks: list[str]
    started_at: Moment
    heartbeat_age: float | None
    memory: int
    stopping: bool
    ended_at: Moment | None
    end_reason: str | None


class Stats(BaseModel):
    """Jobs by state, and of the last minute: jobs per minute, and wait and run times in seconds."""

    jobs: dict[JobState, int]
    finished_per_minute: float
    failed_per_minute: float
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None
