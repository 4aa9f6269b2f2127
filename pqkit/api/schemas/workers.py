"""Schemas of a worker's requests and responses."""

from typing import Any

from pydantic import BaseModel, Field

from pqkit.api.schemas.base import Delay, Name, Shape, Stored, Words


class NewWorker(Shape):
    """A new worker. Each process registers once; a restarted process registers again."""

    name: Name = Field(examples=["curl-1"])
    tasks: list[Name] = Field(min_length=1, max_length=1_000, examples=[["thumbnail"]])
    queues: list[Name] = Field([], max_length=100, description="None named: all of them.")
    slots: int = Field(1, ge=1, le=100, description="Jobs that it runs at once.")


class Registered(BaseModel):
    """The worker's id, and the seconds without a heartbeat after which its jobs go to others."""

    worker: str
    rescue_after: float


class Claiming(Shape):
    """A claim request. ``holding`` names every lease that the worker still works on.

    Any other lease of the worker was lost in transit, and its job goes back.
    """

    count: int = Field(1, ge=1, le=100)
    wait: float = Field(0, ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for work.")
    holding: list[str] = Field([], max_length=100)


class Leased(BaseModel):
    """A job to run. ``attempt`` only grows: it is a fencing token for external effects."""

    lease: str
    id: int
    queue: str
    task: str
    args: Stored
    attempt: int
    retries: int
    max_retries: int
    timeout: float | None


class Claims(BaseModel):
    jobs: list[Leased]


class BeatOut(BaseModel):
    """The ids of jobs whose cancel was requested: stop them, then report ``fail``."""

    cancel: list[int]


class Finish(Shape):
    result: Any = None


class FailedRun(Shape):
    """A failed attempt. ``retry``: true if a retry may help.

    ``after``: seconds until the retry; by default as the policy says.
    """

    error: Words = Field(examples=["the disk was full"])
    retry: bool = True
    after: Delay | None = None


class Snoozing(Shape):
    """Run the job again after ``seconds``; no retry is used up."""

    seconds: Delay
    reason: Words = "snoozed by its worker"


class Dequeue(Shape):
    queue: Name = Field("default", examples=["images"])
    wait: float = Field(0, ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for work.")


class Dequeued(BaseModel):
    """A job under a lease, or null. Finish, fail, snooze or release it under that lease."""

    job: Leased | None
