"""Sums up the samples and compares them with the bars."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pqkit.bench.targets import Bar


@dataclass(frozen=True)
class Sample:
    """One measurement; ``base`` is its yardstick, measured right beside it, if there is one."""

    figure: str
    durability: str
    unit: str
    value: float
    against: str = ""
    base: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.base is None else self.value / self.base


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest value over the rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Figure:
    """One line of the table: value, yardstick and ratio over all rounds, and the bar, if any."""

    name: str
    durability: str
    unit: str
    rounds: int
    value: Spread
    against: str
    base: Spread | None
    ratio: Spread | None
    bar: Bar | None

    @property
    def verdict(self) -> Literal["met", "missed", ""]:
        """Judge by the median; empty if there is no bar."""
        if self.bar is None:
            return ""
        judged = self.value if self.bar.of == "value" else self.ratio
        return "met" if judged is not None and self.bar.holds(judged.median) else "missed"


def figures(samples: Iterable[Sample], bars: Sequence[Bar] = ()) -> list[Figure]:
    """Combine the samples of each figure, in the order of their first measurement."""
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.figure, sample.durability), []).append(sample)
    return [_figure(group, bars) for group in groups.values()]


def rows(found: Iterable[Figure]) -> list[dict[str, Any]]:
    """Return the figures as flat rows.

    The columns are figure, durability, unit, rounds, against, value, value_low, …, bar, aim, source, verdict.
    """
    return [_row(figure) for figure in found]


def _figure(group: Sequence[Sample], bars: Sequence[Bar]) -> Figure:
    first = group[0]
    bases = [sample.base for sample in group if sample.base is not None]
    ratios = [sample.ratio for sample in group if sample.ratio is not None]
    return Figure(
        first.figure,
        first.durability,
        first.unit,
        len(group),
        _spread([sample.value for sample in group]),
        first.against,
        _spread(bases) if bases else None,
        _spread(ratios) if ratios else None,
        next((bar for bar in bars if bar.figure == first.figure and first.durability in bar.durabilities), None),
    )


def _spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def _row(figure: Figure) -> dict[str, Any]:
    row: dict[str, Any] = {"figure": figure.name, "durability": figure.durability, "unit": figure.unit}
    row |= {"rounds": figure.rounds, "against": figure.against}
    for name, spread in (("value", figure.value), ("base", figure.base), ("ratio", figure.ratio)):
        parts = asdict(spread) if spread else dict.fromkeys(("median", "low", "high"))
        row |= {name: parts["median"], f"{name}_low": parts["low"], f"{name}_high": parts["high"]}
    bar = figure.bar
    row |= {"bar": bar.words if bar else None, "aim": bar.aim if bar else None, "source": bar.source if bar else None}
    return {**row, "verdict": figure.verdict}
