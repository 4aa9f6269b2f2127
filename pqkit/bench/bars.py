"""The bars that pqkit's speed is held against, all in one table."""

from typing import Literal, NamedTuple


class Bar(NamedTuple):
    """``of`` a figure, its ratio to the yardstick or its value, is to be at least (``most``: at most) ``limit``.

    ``aim`` is where it is to get to, ``source`` says why the bar stands where it does.
    """

    figure: str
    durability: Literal["full", "normal"]
    of: Literal["ratio", "value"]
    limit: float
    aim: float
    source: str
    most: bool = False

    def holds(self, measured: float) -> bool:
        return measured <= self.limit if self.most else measured >= self.limit

    @property
    def words(self) -> str:
        return f"{'≤' if self.most else '≥'} {self.limit:g}"


_BARE = "the same tables written by bare SQL reach"

BARS = (
    Bar("enqueue one", "full", "ratio", 0.6, 0.9, f"{_BARE} 0.95"),
    Bar("enqueue one", "normal", "ratio", 0.3, 0.5, f"{_BARE} 0.7"),
    Bar("enqueue many", "full", "ratio", 0.25, 0.45, f"{_BARE} 0.4 to 0.65"),
    Bar("enqueue many", "normal", "ratio", 0.25, 0.45, f"{_BARE} 0.4 to 0.65"),
    Bar("drain, 1 worker, 8 slots", "full", "ratio", 0.25, 0.5, f"{_BARE} 0.7 with full history"),
    Bar("drain, 1 worker, 8 slots", "normal", "ratio", 0.2, 0.4, f"{_BARE} 0.5 with full history"),
    Bar("drain, one job at a time", "full", "ratio", 0.5, 0.8, "one commit a job instead of the yardstick's two"),
)


def bar_of(figure: str, durability: str) -> Bar | None:
    return next((bar for bar in BARS if (bar.figure, bar.durability) == (figure, durability)), None)
