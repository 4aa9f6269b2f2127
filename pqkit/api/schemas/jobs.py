"""Schemas of jobs: enqueue requests, and views of jobs."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, Strict

from pqkit.api.schemas.base import Delay, JobId, Moment, Name, Shape, Stored
from pqkit.domain.states import JobState
from pqkit.jobs.spec import PRIORITIES, IfFailed, UniqueWhile


class Policy(Shape):
    """The options of an enqueue; the task's declaration gives the defaults of those left out."""

    queue: Name | None = Field(None, examples=["images"])
    priority: int = Field(
        0, ge=PRIORITIES.start, le=PRIORITIES.stop - 1, strict=True, description="A lower one goes first."
    )
    delay: Delay | None = Field(None, description="Due in so many seconds.")
    run_at: AwareDatetime | None = Field(None, description="Due then; give this or `delay`.")
    max_retries: int | None = Field(None, ge=0, le=1_000, strict=True)
    backoff: list[Delay] | None = Field(None, min_length=1, max_length=100, description="Before each retry.")
    timeout: float | None = Field(None, gt=0, le=100 * 365 * 86_400, allow_inf_nan=False, strict=True)

    limit_key: Name | None = Field(None, description="Of jobs with the same one, so many run as the queue allows.")
    depends_on: list[Annotated[JobId, Strict()]] = Field(
        [], max_length=1_000, description="Jobs that must have ended first."
    )
    if_failed: IfFailed = Field("hold", description="What becomes of it where one of them has not completed.")

    def options(self) -> dict[str, Any]:
        """Return the options as ``Queue.enqueue`` takes them."""
        return self.model_dump(exclude={"task", "args", "calls"}, exclude_unset=True)


class NewJob(Policy):
    """One call of a task."""

    task: Name = Field(examples=["thumbnail"])
    args: dict[str, Any] = Field({}, examples=[{"path": "a.png", "width": 200}])
    unique_key: Name | None = Field(None, description="At most one job of the queue has it.")
    unique_while: UniqueWhile = Field("unfinished", description="How long the job has its key.")
    replace: bool = Field(False, strict=True, description="A waiting job with the key gets these arguments.")
    debounce: Delay | None = Field(None, description="So it does, and is due so many seconds after the last call.")


class NewJobs(Policy):
    """Many calls of one task; all are queued, or none."""

    task: Name = Field(examples=["thumbnail"])
    calls: list[dict[str, Any]] = Field(max_length=5_000, examples=[[{"path": "a.png"}, {"path": "b.png"}]])


class Queued(BaseModel):
    """A job on disk. ``existing``: it existed before, with its unique or idempotency key."""

    id: int = Field(examples=[7])
    existing: bool = False


class QueuedMany(BaseModel):
    """Jobs on disk, in the order of the calls."""

    ids: list[int] = Field(examples=[[7, 8]])
    existing: bool = False


class JobOut(BaseModel):
    """One job in a list."""

    id: int
    queue: str
    task: str
    state: JobState
    priority: int
    attempt: int
    retries: int
    crashes: int
    max_retries: int
    args: Stored
    created_at: Moment
    due_at: Moment | None
    claimed_at: Moment | None
    finished_at: Moment | None
    worker: str | None
    cancel_requested_at: Moment | None
    assigned_to: str | None
    error: str | None


class JobPage(BaseModel):
    """A page of jobs, newest first; ``next`` is the ``before`` of the next page."""

    jobs: list[JobOut]
    next: str | None


class AttemptOut(BaseModel):
    attempt: int
    worker: str | None
    claimed_at: Moment
    started_at: Moment | None
    ended_at: Moment
    outcome: str
    error: str | None


class LineOut(BaseModel):
    attempt: int
    at: Moment
    line: str


class ProgressOut(BaseModel):
    attempt: int
    at: Moment
    fraction: float
    note: str


class ActionOut(BaseModel):
    at: Moment
    who: str
    verb: str
    reason: str | None
    detail: Stored


class RefusalOut(BaseModel):
    """A finish that was refused because its worker had lost the job."""

    at: Moment
    attempt: int
    worker: str | None
    outcome: str


class JobWhole(BaseModel):
    """Everything about one job, oldest first."""

    job: JobOut
    backoff: Stored
    timeout: float | None
    unique_key: str | None
    result: Stored
    progress: ProgressOut | None
    attempts: list[AttemptOut]
    lines: list[LineOut]
    actions: list[ActionOut]
    refusals: list[RefusalOut] = Field([], description="Finishes that were refused: the worker had lost the job.")


class StateOut(BaseModel):
    """A job's current state."""

    id: int
    state: JobState
