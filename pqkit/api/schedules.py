"""The endpoints for schedules."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from pqkit import queries
from pqkit.api.authentication import Looker, OnQueue, needs, told_to
from pqkit.api.schemas.base import UNSAID, Asked, Name
from pqkit.api.schemas.jobs import Queued
from pqkit.api.schemas.schedules import (
    Backfill,
    BackfilledOut,
    NewSchedule,
    ScheduleChange,
    ScheduleOut,
    ScheduleWhole,
    SlotOut,
)
from pqkit.api.strict_requests import StrictRoute
from pqkit.auth import Principal
from pqkit.domain.durations import SECOND
from pqkit.queue import Queue, Schedules

router = APIRouter(route_class=StrictRoute, tags=["schedules"])
This = Annotated[Name, Path(description="The schedule's name.")]
SLOTS = 20


@router.get("/schedules", operation_id="list_schedules")
def list_schedules(queue: OnQueue, who: Looker) -> list[ScheduleOut]:
    """Every schedule, by name."""
    return [ScheduleOut.model_validate(each._asdict()) for each in queries.schedules(queue.database, told=told_to(who))]


@router.post("/schedules", status_code=201, operation_id="add_schedule")
def add(queue: OnQueue, who: Annotated[Principal, Depends(needs("add_schedule"))], new: NewSchedule) -> ScheduleOut:
    """Add a schedule: cron, an interval, or one moment."""
    Schedules(who.operator()).add(new.name, reason=new.reason, **new.options())
    return _shown(queue, who, new.name)


@router.get("/schedules/{name}", operation_id="get_schedule")
def get(queue: OnQueue, who: Looker, name: This) -> ScheduleWhole:
    """One schedule, its next slots, and the results of its last slots."""
    found = queries.schedule(queue.database, name, told=told_to(who))
    slots = [SlotOut.model_validate(each._asdict()) for each in queries.slots(queue.database, name, SLOTS)]
    shown = ScheduleOut.model_validate(found._asdict())
    return ScheduleWhole.model_validate({"schedule": shown, "coming": queries.coming(found), "slots": slots})


@router.patch("/schedules/{name}", operation_id="edit_schedule")
def edit(
    queue: OnQueue,
    who: Annotated[Principal, Depends(needs("edit_schedule"))],
    name: This,
    change: ScheduleChange,
) -> ScheduleOut:
    """Change the given fields; the others stay. It takes effect at once, in every process."""
    Schedules(who.operator()).edit(name, reason=change.reason, **change.options())
    return _shown(queue, who, name)


@router.delete("/schedules/{name}", status_code=204, operation_id="delete_schedule")
def delete(who: Annotated[Principal, Depends(needs("delete_schedule"))], name: This) -> None:
    """Delete a schedule and its slots; the jobs that it has queued stay."""
    Schedules(who.operator()).delete(name)


@router.post("/schedules/{name}/pause", operation_id="pause_schedule")
def pause(
    queue: OnQueue, who: Annotated[Principal, Depends(needs("pause_schedule"))], name: This, asked: Asked = UNSAID
) -> ScheduleOut:
    """Pause the schedule: queue nothing until it is resumed."""
    Schedules(who.operator()).pause(name, reason=asked.reason)
    return _shown(queue, who, name)


@router.post("/schedules/{name}/resume", operation_id="resume_schedule")
def resume(
    queue: OnQueue, who: Annotated[Principal, Depends(needs("resume_schedule"))], name: This, asked: Asked = UNSAID
) -> ScheduleOut:
    """Resume with the next slot; the slots of the pause are skipped."""
    Schedules(who.operator()).resume(name, reason=asked.reason)
    return _shown(queue, who, name)


@router.post("/schedules/{name}/run", status_code=201, operation_id="run_schedule")
def run(who: Annotated[Principal, Depends(needs("run_schedule"))], name: This, asked: Asked = UNSAID) -> Queued:
    """Queue the schedule's job now, regardless of its times."""
    return Queued(id=Schedules(who.operator()).run(name, reason=asked.reason))


@router.post("/schedules/{name}/backfill", status_code=201, operation_id="backfill_schedule")
def backfill(
    queue: OnQueue, who: Annotated[Principal, Depends(needs("backfill_schedule"))], name: This, wish: Backfill
) -> BackfilledOut:
    """Queue a job for each past slot that has none."""
    end = queue.database.now() if wish.end is None else _micro(wish.end)
    done = Schedules(who.operator()).backfill(name, _micro(wish.start), end, reason=wish.reason)
    return BackfilledOut(jobs=done.jobs, there=done.there)


def _micro(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND)


def _shown(queue: Queue, who: Principal, name: str) -> ScheduleOut:
    return ScheduleOut.model_validate(queries.schedule(queue.database, name, told=told_to(who))._asdict())
