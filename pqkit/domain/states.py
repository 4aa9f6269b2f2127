"""The eight states of a job, the table of its row in each, and every move between them."""

from enum import StrEnum
from typing import NamedTuple

from pqkit.domain.durations import SECOND

NEVER = 221_845_392_000 * SECOND
"""The due time of a job that waits for other jobs: the year 9000, in microseconds since 1970 UTC."""


class Place(StrEnum):
    """The table that holds a job's one place row."""

    READY = "ready"
    DELAYED = "delayed"
    LEASE = "lease"
    CLOSED = "closed"


class JobState(StrEnum):
    """A job's state, as users name it."""

    SCHEDULED = "scheduled"
    RETRYING = "retrying"
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    UNPROCESSABLE = "unprocessable"
    CANCELED = "canceled"

    @property
    def place(self) -> Place:
        return PLACES[self]

    @property
    def final(self) -> bool:
        return self in FINAL


PLACES: dict[JobState, Place] = {
    JobState.SCHEDULED: Place.DELAYED,
    JobState.RETRYING: Place.DELAYED,
    JobState.PENDING: Place.READY,
    JobState.PROCESSING: Place.LEASE,
    JobState.COMPLETED: Place.CLOSED,
    JobState.FAILED: Place.CLOSED,
    JobState.UNPROCESSABLE: Place.CLOSED,
    JobState.CANCELED: Place.CLOSED,
}

MEANINGS: dict[JobState, str] = {
    JobState.SCHEDULED: "not due yet",
    JobState.RETRYING: "an attempt failed, the next is set",
    JobState.PENDING: "due, waiting for a worker",
    JobState.PROCESSING: "a worker holds it",
    JobState.COMPLETED: "done; the result is kept",
    JobState.FAILED: "stopped early: a person marked it, or the handler said that a retry is useless",
    JobState.UNPROCESSABLE: "retries used up, or it killed its workers: for a person to review",
    JobState.CANCELED: "called off by a person or by itself",
}


def in_place(place: Place) -> tuple[JobState, ...]:
    """The states whose rows stand in that table, in the order of ``PLACES``."""
    return tuple(state for state in JobState if state.place is place)


FINAL = in_place(Place.CLOSED)
WAITING = (*in_place(Place.DELAYED), *in_place(Place.READY))


class Move(NamedTuple):
    """One transition of the state machine: the actor, the verb, and the states before and after."""

    source: JobState | None
    verb: str
    target: JobState | None
    who: str


def _moves(sources: tuple[JobState, ...], verb: str, target: JobState | None, who: str) -> tuple[Move, ...]:
    return tuple(Move(source, verb, target, who) for source in sources)


S = JobState
MOVES: tuple[Move, ...] = (
    Move(None, "enqueue", S.PENDING, "producer"),
    Move(None, "enqueue", S.SCHEDULED, "producer"),
    *_moves((S.SCHEDULED, S.RETRYING), "stage", S.PENDING, "maintenance"),
    Move(S.PENDING, "claim", S.PROCESSING, "worker"),
    Move(S.PROCESSING, "finish", S.COMPLETED, "worker"),
    Move(S.PROCESSING, "finish", S.RETRYING, "worker"),
    Move(S.PROCESSING, "finish", S.FAILED, "worker"),
    Move(S.PROCESSING, "finish", S.UNPROCESSABLE, "worker"),
    Move(S.PROCESSING, "finish", S.CANCELED, "worker"),
    Move(S.PROCESSING, "snooze", S.SCHEDULED, "worker"),
    Move(S.PROCESSING, "release", S.PENDING, "worker"),
    Move(S.PROCESSING, "rescue", S.PENDING, "maintenance"),
    Move(S.PROCESSING, "rescue", S.UNPROCESSABLE, "maintenance"),
    Move(S.PROCESSING, "rescue", S.CANCELED, "maintenance"),
    *_moves(WAITING, "cancel", S.CANCELED, "operator"),
    Move(S.PROCESSING, "cancel", S.PROCESSING, "operator"),
    *_moves((S.FAILED, S.UNPROCESSABLE), "cancel", S.CANCELED, "operator"),
    *_moves(WAITING, "mark_failed", S.FAILED, "operator"),
    Move(S.RETRYING, "resubmit", S.PENDING, "operator"),
    Move(S.SCHEDULED, "resubmit", S.PENDING, "operator"),
    *_moves(FINAL, "resubmit", S.PENDING, "operator"),
    *_moves((S.PENDING,), "assign", S.PENDING, "operator"),
    *(Move(state, "set_priority", state, "operator") for state in WAITING),
    *_moves((*WAITING, S.FAILED, S.UNPROCESSABLE), "replace", S.CANCELED, "operator"),
    *(Move(state, "replace", state, "operator") for state in (S.COMPLETED, S.CANCELED)),
    *(Move(S.PENDING, "undo", state, "operator") for state in FINAL),
    *_moves(FINAL, "prune", None, "maintenance"),
    *_moves(FINAL, "delete", None, "operator"),
)


def targets(source: JobState | None, verb: str) -> tuple[JobState | None, ...]:
    """The states that ``verb`` may lead to from ``source``; empty if it is refused."""
    return tuple(move.target for move in MOVES if move.source is source and move.verb == verb)


def allows(source: JobState, verb: str) -> bool:
    return bool(targets(source, verb))


def sources(verb: str) -> tuple[JobState, ...]:
    """The states that ``verb`` may start from, in their own order."""
    return tuple(state for state in JobState if allows(state, verb))
