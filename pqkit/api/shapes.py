"""What goes in and out, as JSON. Times are ISO 8601 in UTC, spans are seconds."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from pqkit.payload import INT_MAX, clean_text
from pqkit.queue.order import MAX_NAME, PRIORITIES, IfFailed, UniqueWhile
from pqkit.states import JobState
from pqkit.timetable import Missed, Overlap


def _moment(value: object) -> object:
    return datetime.fromtimestamp(value / 1_000_000, UTC) if isinstance(value, int) else value


def _stored(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _storable(text: str) -> str:
    if clean_text(text, len(text)) != text:
        raise ValueError("it has a NUL or a lone surrogate, which databases refuse")
    return text


Moment = Annotated[datetime, BeforeValidator(_moment)]
Stored = Annotated[Any, BeforeValidator(_stored)]
JobId = Annotated[int, Field(ge=1, le=INT_MAX, examples=[7])]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_storable)]
Words = Annotated[str, Field(max_length=16_000), AfterValidator(_storable)]
Seconds = Annotated[float, Field(ge=0, le=100 * 365 * 86_400, allow_inf_nan=False)]
Reason = Annotated[
    str | None,
    Field(max_length=1_000, description="Why; goes on record."),
    AfterValidator(lambda text: text if text is None else _storable(text)),
]


class Shape(BaseModel):
    """What may come in: nothing else beside it."""

    model_config = ConfigDict(extra="forbid")


class Policy(Shape):
    """What an enqueue may say beside task and arguments; what it leaves out, the task's declaration says."""

    queue: Name | None = Field(None, examples=["images"])
    priority: int = Field(0, ge=PRIORITIES.start, le=PRIORITIES.stop - 1, description="A lower one goes first.")
    delay: Seconds | None = Field(None, description="Due in so many seconds.")
    run_at: AwareDatetime | None = Field(None, description="Due then; give this or `delay`.")
    max_retries: int | None = Field(None, ge=0, le=1_000)
    backoff: list[Seconds] | None = Field(None, min_length=1, max_length=100, description="Before each retry.")
    timeout: float | None = Field(None, gt=0, le=100 * 365 * 86_400, allow_inf_nan=False)

    limit_key: Name | None = Field(None, description="Of jobs with the same one, so many run as the queue allows.")
    depends_on: list[JobId] = Field([], max_length=1_000, description="Jobs that must have ended first.")
    if_failed: IfFailed = Field("hold", description="What becomes of it where one of them has not completed.")

    def options(self) -> dict[str, Any]:
        """As ``Queue.enqueue`` takes them."""
        return self.model_dump(exclude={"task", "args", "calls"}, exclude_unset=True)


class NewJob(Policy):
    """One call of a task."""

    task: Name = Field(examples=["thumbnail"])
    args: dict[str, Any] = Field({}, examples=[{"path": "a.png", "width": 200}])
    unique_key: Name | None = Field(None, description="At most one job of the queue has it.")
    unique_while: UniqueWhile = Field("unfinished", description="How long the job has its key.")
    replace: bool = Field(False, description="A waiting job with the key gets these arguments.")
    debounce: Seconds | None = Field(None, description="So it does, and is due so many seconds after the last call.")


class NewJobs(Policy):
    """Many calls of one task, queued all or none."""

    task: Name = Field(examples=["thumbnail"])
    calls: list[dict[str, Any]] = Field(max_length=5_000, examples=[[{"path": "a.png"}, {"path": "b.png"}]])


class Queued(BaseModel):
    """A job that is on disk. ``existing``: it was there before, by its unique or idempotency key."""

    id: int = Field(examples=[7])
    existing: bool = False


class QueuedMany(BaseModel):
    """Jobs that are on disk, in the order of the calls."""

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
    """A page of jobs, the newest first; ``next`` is ``before`` of the page after it."""

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


class Asked(Shape):
    """Why something is to be done."""

    reason: Reason = None


UNSAID = Asked()


class Pause(Asked):
    """Stop claims; for so many ``seconds``, or until somebody resumes."""

    seconds: Seconds | None = None


class StateOut(BaseModel):
    """Where a job stands now."""

    id: int
    state: JobState


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
    """The whole queue in numbers: jobs by state, and of the last minute jobs per minute and seconds."""

    jobs: dict[JobState, int]
    finished_per_minute: float
    failed_per_minute: float
    wait_p50: float | None
    wait_p95: float | None
    run_p50: float | None
    run_p95: float | None


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
    after: Seconds | None = None


class Snoozing(Shape):
    """Not now, in so many seconds; no retry is used up."""

    seconds: Seconds
    reason: Words = "snoozed by its worker"


class Dequeue(Shape):
    queue: Name = Field("default", examples=["images"])
    wait: float = Field(0, ge=0, le=30, allow_inf_nan=False, description="Seconds to wait for work.")


class Dequeued(BaseModel):
    """A job under a lease, or null. Finish, fail, snooze or release it under that lease."""

    job: Leased | None


class ScheduleChange(Asked):
    """What a schedule may say; what is left out stays, or is the task's to say. ``cron``, ``every`` or ``at``."""

    task: Name | None = None
    args: dict[str, Any] | None = Field(None, description="The text `{slot}` stands for the slot's time.")
    cron: Name | None = Field(None, examples=["30 2 * * *"])
    every: float | None = Field(None, ge=1, le=366 * 86_400, allow_inf_nan=False, description="Seconds.")
    at: AwareDatetime | None = Field(None, description="Once, then.")
    zone: Name | None = Field(None, examples=["Europe/Berlin"])
    queue: Name | None = None
    priority: int | None = Field(None, ge=PRIORITIES.start, le=PRIORITIES.stop - 1)
    max_retries: int | None = Field(None, ge=0, le=1_000)
    backoff: list[Seconds] | None = Field(None, min_length=1, max_length=100)
    timeout: float | None = Field(None, gt=0, le=100 * 365 * 86_400, allow_inf_nan=False)
    missed: Missed | None = None
    missed_cap: int | None = Field(None, ge=1, le=999)
    overlap: Overlap | None = None

    def options(self) -> dict[str, Any]:
        """As ``Schedules`` takes them."""
        said = self.model_dump(exclude={"name", "reason"}, exclude_none=True)
        return said | ({"at": round(self.at.timestamp() * 1_000_000)} if self.at else {})


class NewSchedule(ScheduleChange):
    """A schedule that begins with its first slot after now."""

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
    """A slot that was decided about: its job, or why there is none; ``slots`` of them in a row share one."""

    at: Moment
    until_at: Moment
    slots: int
    job_id: int | None
    state: JobState | None
    reason: str | None


class ScheduleWhole(BaseModel):
    """A schedule with its next slots and the last ones, latest first."""

    schedule: ScheduleOut
    coming: list[Moment]
    slots: list[SlotOut]


class Backfill(Asked):
    """The slots from ``start`` on and before ``end``; without an end up to now."""

    start: AwareDatetime
    end: AwareDatetime | None = None


class BackfilledOut(BaseModel):
    """The jobs that were queued, and how many slots had theirs already."""

    jobs: list[int]
    there: int
