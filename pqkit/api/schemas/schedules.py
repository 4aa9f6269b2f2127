"""Schemas of schedules and their slots."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from pqkit.api.schemas.base import Asked, Delay, Moment, Name, Stored
from pqkit.domain.durations import SECOND
from pqkit.domain.schedule_times import Missed, Overlap
from pqkit.domain.states import JobState
from pqkit.jobs.spec import PRIORITIES


class ScheduleChange(Asked):
    """The fields of a schedule, with one of ``cron``, ``every`` and ``at``.

    A field left out stays, or the task's declaration gives its default.
    """

    task: Name | None = None
    args: dict[str, Any] | None = Field(None, description="The text `{slot}` stands for the slot's time.")
    cron: Name | None = Field(None, examples=["30 2 * * *"])
    every: float | None = Field(None, ge=1, le=366 * 86_400, allow_inf_nan=False, strict=True, description="Seconds.")
    at: AwareDatetime | None = Field(None, description="Once, then.")
    zone: Name | None = Field(None, examples=["Europe/Berlin"])
    queue: Name | None = None
    priority: int | None = Field(None, ge=PRIORITIES.start, le=PRIORITIES.stop - 1, strict=True)
    max_retries: int | None = Field(None, ge=0, le=1_000, strict=True)
    backoff: list[Delay] | None = Field(None, min_length=1, max_length=100)
    timeout: float | None = Field(None, gt=0, le=100 * 365 * 86_400, allow_inf_nan=False, strict=True)
    missed: Missed | None = None
    missed_cap: int | None = Field(None, ge=1, le=999, strict=True)
    overlap: Overlap | None = None

    def options(self) -> dict[str, Any]:
        """Return the options as ``Schedules`` takes them."""
        said = self.model_dump(exclude={"name", "reason"}, exclude_none=True)
        return said | ({"at": round(self.at.timestamp() * SECOND)} if self.at else {})


class NewSchedule(ScheduleChange):
    """A schedule that starts with its first slot after now."""

    name: Name = Field(examples=["nightly"])
    task: Name = Field(examples=["report"])


class ScheduleOut(BaseModel):
    name: str
    task: str
    args: Stored
    queue: str
    priority: int
    max_retries: int | None
    backoff: Stored
    timeout: float | None
    cron: str | None
    every: float | None
    at: Moment | None
    zone: str
    missed: Missed
    missed_cap: int
    overlap: Overlap
    next_at: Moment | None
    created_at: Moment
    paused_at: Moment | None
    paused_by: str | None
    pause_reason: str | None


class SlotOut(BaseModel):
    """A decided slot: its job, or the reason for none; ``slots`` is the number that share it."""

    at: Moment
    until_at: Moment
    slots: int
    job_id: int | None
    state: JobState | None
    reason: str | None


class ScheduleWhole(BaseModel):
    """A schedule with its next slots and its last ones, latest first."""

    schedule: ScheduleOut
    coming: list[Moment]
    slots: list[SlotOut]


class Backfill(Asked):
    """The slots from ``start`` (inclusive) to ``end`` (exclusive; by default now)."""

    start: AwareDatetime
    end: AwareDatetime | None = None


class BackfilledOut(BaseModel):
    """The jobs that were queued, and the number of slots that had a job already."""

    jobs: list[int]
    there: int
