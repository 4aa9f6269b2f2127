"""Timeline chart: each worker's attempts as bars."""

import re

import holoviews as hv
import pandas as pd

from pqkit.charts.palette import OUTCOME_COLORS, color
from pqkit.charts.render import NOTEBOOK_SIZE

LANE = 0.38
AROUND, LANE_PIXELS = 90, 18
BAD = {"failed": "x", "timed_out": "triangle", "crashed": "asterisk", "canceled": "dash"}


def timeline(attempts: pd.DataFrame) -> hv.Overlay:
    """A bar for each attempt in its worker's lane, with a marker at the end of each failed one.

    ``attempts`` has ``worker``, ``began``, ``ended`` (times), ``outcome`` (a recorded outcome, or ``running``), and
    ``job`` and ``task`` for the tooltips.
    """
    workers = sorted(attempts["worker"].unique(), key=_in_number_order, reverse=True)
    placed = place(attempts, workers)
    bars = hv.Rectangles(placed, ["began", "bottom", "ended", "top"], ["outcome", "worker", "job", "task", "color"])
    bars = bars.opts(fill_color=hv.dim("color"), line_color=None, fill_alpha=0.75)
    ticks, height = list(enumerate(workers)), max(NOTEBOOK_SIZE[1], AROUND + LANE_PIXELS * len(workers))
    room = {"yticks": ticks, "ylim": (-0.6, len(workers) - 0.4), "height": height}
    return hv.Overlay([bars, *_signs(placed)]).opts(xlabel="", ylabel="", **room)


def _in_number_order(name: str) -> list[tuple[bool, int, str]]:
    """Sort key that puts w10 after w2."""
    parts = re.findall(r"\d+|\D+", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def place(attempts: pd.DataFrame, workers: list[str]) -> pd.DataFrame:
    """Add ``bottom``, ``top``, ``lane`` and ``color`` to the attempts.

    Attempts of one worker that overlap in time share the height of its lane.
    """
    lanes = attempts["worker"].map({name: number for number, name in enumerate(workers)}).astype(float)
    slot = _slots(attempts)
    height = 2 * LANE / (slot.groupby(attempts["worker"]).transform("max") + 1)
    bottom = lanes - LANE + slot * height
    colors = attempts["outcome"].map(color)
    return attempts.assign(lane=lanes, bottom=bottom, top=bottom + 0.9 * height, color=colors)


def _slots(attempts: pd.DataFrame) -> pd.Series:
    """For each attempt, the lowest slot of its worker that is free when the attempt begins."""
    places = pd.Series(0, index=attempts.index, dtype=float)
    for _, runs in attempts.sort_values("began").groupby("worker"):
        free_at: list[pd.Timestamp] = []
        for index, began, ended in zip(runs.index, runs["began"], runs["ended"], strict=True):
            free = next((n for n, moment in enumerate(free_at) if moment <= began), len(free_at))
            free_at[free : free + 1] = [ended]
            places[index] = free
    return places


def _signs(placed: pd.DataFrame) -> list[hv.Points]:
    return [
        hv.Points(placed[placed["outcome"] == outcome], ["ended", "lane"], label=outcome.replace("_", " ")).opts(
            marker=marker, color=OUTCOME_COLORS[outcome], size=6
        )
        for outcome, marker in BAD.items()
        if (placed["outcome"] == outcome).any()
    ]
