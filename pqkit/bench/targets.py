"""The bars for pqkit's speed, all in one table."""

from typing import Literal, NamedTuple


class Bar(NamedTuple):
    """A limit for a figure: at least ``limit``, or at most with ``most``.

    ``of`` selects the ratio to the yardstick or the value. ``aim`` is the goal, ``source`` the reason for the limit.
    """

    figure: str
    durabilities: tuple[str, ...]
    of: Literal["ratio", "value"]
    limit: float
    aim: float
    source: str
    most: bool = False

    def holds(self, measured: float) -> bool:
        return measured <= self.limit if self.most else measured >= self.limit

    @property
    def words(self) -> str:
        return f"{self.of} {'≤' if self.most else '≥'} {self.limit:g}"


FULL, NORMAL, BOTH = ("full",), ("normal",), ("full", "normal")
_BARE = "bare SQL on pqkit's tables reaches"
_FLAT = "the bare driver's drain does not depend on what lies around"

FILE = (
    Bar("enqueue one", FULL, "ratio", 0.6, 0.9, f"{_BARE} 0.95"),
    Bar("enqueue one", NORMAL, "ratio", 0.3, 0.5, f"{_BARE} 0.7"),
    Bar("enqueue many", BOTH, "ratio", 0.25, 0.45, f"{_BARE} 0.4 to 0.65"),
    Bar("drain, 1 worker, 8 slots", FULL, "ratio", 0.25, 0.5, f"{_BARE} 0.7, with all of a job's history"),
    Bar("drain, 1 worker, 8 slots", NORMAL, "ratio", 0.2, 0.4, f"{_BARE} 0.5, with all of a job's history"),
    Bar("drain, one job at a time", FULL, "ratio", 0.5, 0.8, "a commit for each job, where the yardstick makes two"),
    Bar("enqueue one, 64 threads", FULL, "ratio", 3, 6, "threads that wait for the same sync can share it"),
    Bar("pick-up, p50", BOTH, "value", 2, 1, "inotify wakes a waiter in 0.5 ms", most=True),
    Bar("pick-up, p99", BOTH, "value", 15, 5, "the slowest that a good poll comes to", most=True),
    Bar("idle worker, processor", BOTH, "value", 0.5, 0.1, "a waiter on inotify takes 0.1 %, a poll 5 %", most=True),
    Bar("drain, 1,000,000 pending", BOTH, "ratio", 0.9, 1, _FLAT),
    Bar("drain, 1,000,000 finished", BOTH, "ratio", 0.9, 1, _FLAT),
    Bar("drain, 2 kB arguments", BOTH, "ratio", 0.6, 0.8, f"{_BARE} 0.78"),
    Bar("drain with history and roll-ups", BOTH, "ratio", 0.75, 0.9, "a row for each run, of the eight that move"),
    Bar("worker start to first job", BOTH, "value", 0.4, 0.25, "nothing heavy is imported on that way", most=True),
    Bar("worker memory", BOTH, "value", 80, 60, "a Python process with its libraries takes 40", most=True),
    Bar("worker memory, last quarter", BOTH, "ratio", 1.05, 1, "what is done is forgotten", most=True),
)

_SETS = "set-based SQL on pqkit's tables reaches 0.4 to 0.5, with all of a job's history"
SERVER = (
    Bar("enqueue one", FULL, "ratio", 0.6, 0.9, "two narrow rows more than the yardstick's one"),
    Bar("drain, 1 worker, 8 slots", FULL, "ratio", 0.3, 0.45, _SETS),
    Bar("pick-up, p50", FULL, "value", 5, 3, "LISTEN wakes a waiter in 3 ms", most=True),
    Bar("pick-up, p99", FULL, "value", 30, 15, "the slowest that a good poll comes to", most=True),
    Bar("idle worker, processor", FULL, "value", 0.3, 0.1, "a waiter on LISTEN takes 0.14 %", most=True),
    Bar("drain, 1,000,000 pending", FULL, "ratio", 0.9, 1, _FLAT),
)


def bars(*, on_a_server: bool) -> tuple[Bar, ...]:
    """Return the bars of a queue in a file, or on a server."""
    return SERVER if on_a_server else FILE
