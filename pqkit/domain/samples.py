"""Maintenance's samples, taken about once a second; ``pqkit.models`` explains the columns."""

from typing import NamedTuple


class Pulse(NamedTuple):
    """A sample of the whole queue: workers, slots, sizes (bytes), commit times (µs), ended jobs.

    ``samples`` is the number of samples merged into it; None stands for an unknown value.
    """

    at: int
    width: int
    samples: int
    workers: int
    slots: int
    busy: int
    memory: int
    commit_time: int | None
    commit_most: int | None
    database_size: int | None
    log_size: int | None
    disk_free: int | None
    completed: int
    failed: int
    unprocessable: int
    canceled: int
    counted_to: int


class Depth(NamedTuple):
    """A queue's unfinished jobs by state; ``oldest`` is a pending job's longest wait in µs."""

    at: int
    width: int
    queue: str
    pending: int
    scheduled: int
    retrying: int
    processing: int
    oldest: int | None
