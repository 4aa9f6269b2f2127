"""Suggested commands for the person who handles an incident; pqkit never runs them."""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

from pqkit.domain.durations import SECOND
from pqkit.incidents.investigation import Group, Incident

MANY = 20


def commands(incident: Incident) -> list[str]:
    """The commands in their order of use: inspect, pause, resubmit, prove."""
    return list(_commands(incident))


def _commands(incident: Incident) -> Iterator[str]:
    since, until = (_moment(at) for at in (incident.span.since, incident.span.until))
    for group in incident.groups[:3]:
        yield f"pqkit jobs notebook {group.jobs[0]}"
    if incident.suspects:
        failing = {suspect.task for suspect in incident.suspects}
        for queue in sorted({run.queue for run in incident.runs if run.task in failing}):
            yield f"pqkit queues pause {shlex.quote(queue)} --reason 'until the release is mended'"
    for group in incident.groups:
        yield from _again(group)
    yield f"pqkit audit --since {since} --until {until}"
    yield f"pqkit regression --since {since} --until {until}"


def _again(group: Group) -> Iterator[str]:
    if 0 < len(group.waiting) <= MANY:
        yield f"pqkit jobs resubmit {' '.join(map(str, group.waiting))} --reason 'the cause is mended'"
    elif group.waiting:
        # The longest part of the pattern that every error of the group contains.
        part = max(group.pattern.split("…"), key=len).strip()
        wanted = f"--task {shlex.quote(group.task)}" + (f" --error {shlex.quote(part)}" if part else "")
        yield f"pqkit redrives start --state unprocessable {wanted} --reason 'the cause is mended'"


def _moment(at: int | None) -> str:
    return datetime.fromtimestamp((at or 0) / SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
