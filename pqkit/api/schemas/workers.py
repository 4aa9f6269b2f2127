"""What a worker says and hears."""

from typing import Any

from pydantic import BaseModel, Field

from pqkit.api.schemas.base import Delay, Name, Shape, Stored, Words


class NewWorker(Shape):
    """A worker that begins. One process, one registration: a process that starts again registers anew."""

    name: Name = Field(examples=["curl-1"])
    tasks: list[Name] = Field(min_length=1, max_length=1_000, examples=[["thumbnail"]])
    queues: list[Name] = Field([], max_length=100, description="None named: all of them.")
    slots: int = Field(1, ge=1, le=100, description="Jobs that it runs at once.")


class Registered(BaseModel):
    """The worker's id, and within how many seconds it must be heard of, or its jobs go to others."""

    worker: str
    rescue_after: float


class Claiming(Shape):
    """A wish for work. ``holding`` names every lease that the worker still works on: any other that it has was lost on
    the way, and goes back."""

    count: int = Field(1, ge=1, le=100)
    wait: float = Field(0, ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for work.")
    holding: list[str] = Field([], max_length=100)


class Leased(BaseModel):
    """A job to run. ``attempt`` only grows: a fencing token for what is done outside."""

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
    """The ids of jobs whose cancel was asked for: stop them, then say ``fail``."""

    cancel: list[int]


class Finish(Shape):
    result: Any = None


class FailedRun(Shape):
    """Why the attempt failed. ``retry``: whether another may help; ``after``: in how many seconds, else by policy."""

    error: Words = Field(examples=["the disk was full"])
    retry: bool = True
    after: Delay | None = None


class Snoozing(Shape):
    """Not now, in so many seconds; no retry is used up."""

    seconds: Delay
    reason: Words = "snoozed by its worker"


class Dequeue(Shape):
    queue: Name = Field("default", examples=["images"])
    wait: float = Field(0, ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for work.")


class Dequeued(BaseModel):
    """A job under a lease, or null. Finish, fail, snooze or release it under that lease."""

    job: Leased | None
