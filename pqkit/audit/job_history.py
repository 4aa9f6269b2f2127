"""A job's record as rows, read from the database (audit, archiving) or back from an archive."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pqkit.audit.limit_rules import Change
from pqkit.audit.rules import Acted, History, Life, Pause, Ran, Standing
from pqkit.domain.queue_limits import PLAIN
from pqkit.domain.states import JobState, Place

Row = Mapping[Any, Any]


def history(job: Row, standings: Sequence[Standing], runs: Iterable[Row], actions: Iterable[Row]) -> History:
    """Build a job's history from rows of ``job``, ``attempt`` and ``action``."""
    return History(
        job["id"],
        job["queue"],
        job["created_at"],
        job["max_retries"],
        standings,
        [Ran(*(run[name] for name in Ran._fields)) for run in runs],
        [Acted(action["at"], action["verb"], action["who"]) for action in actions],
        job["unique_key"],
    )


def of_ended(record: Row) -> History:
    """Build the history of an ended job from its record in an archive."""
    closed = record["closed"]
    budget = closed["attempt"], closed["retries"], closed["crashes"]
    standing = Standing(Place.CLOSED, JobState(closed["state"]), *budget, closed["finished_at"], None)
    return history(record["job"], [standing], record["attempts"], record["actions"])


def lives(workers: Iterable[Row]) -> dict[int, Life]:
    """Build worker lives by id from rows of ``worker``."""
    return {row["id"]: Life(row["name"], row["started_at"], row["ended_at"]) for row in workers}


def pauses(deeds: Iterable[tuple[int, str, str]]) -> list[Pause]:
    """Pair pauses with resumes in the operators' record.

    ``deeds`` are (time, verb, detail), oldest first. A pause with its own end time ends there.
    """
    found: list[Pause] = []
    begun: dict[str, tuple[int, int | None]] = {}
    for at, verb, detail in deeds:
        about = json.loads(detail)
        if about["queue"] in begun:
            since, until = begun.pop(about["queue"])
            found.append(Pause(about["queue"], since, min(at, until or at)))
        if verb == "pause":
            begun[about["queue"]] = (at, about["until"])
    return found + [Pause(queue, since, until) for queue, (since, until) in begun.items()]


def changes(deeds: Iterable[tuple[int, str, str]]) -> dict[str, list[Change]]:
    """Collect the changes to each queue's settings from the operators' record.

    ``deeds`` are (time, verb, detail), oldest first.
    """
    found: dict[str, list[Change]] = {}
    for at, verb, detail in deeds:
        about = json.loads(detail)
        made = found.setdefault(about.pop("queue"), [])
        before = made[-1].settings if made else PLAIN
        made.append(Change(at, before.changed(about) if verb == "set_queue" else PLAIN))
    return found
