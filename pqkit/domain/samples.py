"""What maintenance samples about once a second, as values; ``pqkit.models`` says what the columns mean."""

from typing import NamedTuple


class Pulse(NamedTuple):
    """The whole: workers and their slots, sizes in bytes, the times of commits in microseconds, jobs that have ended.

    So many ``samples`` are in it; None stands for what cannot be known.
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
    """A queue's unfinished jobs by state; ``oldest`` is for how many microseconds a pending one has waited at most."""

    at: int
    width: int
    queue: str
    pending: int
    scheduled: int
    retrying: int
    processing: int
    oldest: int | None
