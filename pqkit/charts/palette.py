"""Colours of states and outcomes, the same in every chart and table and in both themes.

The hues are Okabe and Ito's, which people with any colour vision can tell apart. Their lightness has a contrast of at
least 3:1 on a white and on a dark background. No chart relies on colour alone: lines also differ in dashes and names.
"""

from typing import NamedTuple

from pqkit.domain.states import JobState

COLORS: dict[JobState, str] = {
    JobState.SCHEDULED: "#3a8fb7",
    JobState.RETRYING: "#b87a00",
    JobState.PENDING: "#2b83d6",
    JobState.PROCESSING: "#8e6bf0",
    JobState.COMPLETED: "#009e73",
    JobState.FAILED: "#d55e00",
    JobState.UNPROCESSABLE: "#c2458f",
    JobState.CANCELED: "#7a8794",
}
# By recorded outcome of an attempt; an outcome that means the same as a state has its colour.
OUTCOME_COLORS: dict[str, str] = {
    "completed": COLORS[JobState.COMPLETED],
    "failed": COLORS[JobState.FAILED],
    "timed_out": COLORS[JobState.RETRYING],
    "crashed": COLORS[JobState.UNPROCESSABLE],
    "canceled": COLORS[JobState.CANCELED],
    "snoozed": COLORS[JobState.SCHEDULED],
    "released": "#5b8f8f",
    "running": COLORS[JobState.PROCESSING],
}
PLAIN = "#6f8096"


class Series(NamedTuple):
    """A line of a chart: its column, label, colour and dash pattern."""

    column: str
    label: str
    color: str
    dash: str = "solid"


class Theme(NamedTuple):
    """Chart colours that differ between light and dark: text, axes, grid, tooltips."""

    ink: str
    muted: str
    grid: str
    ground: str


THEMES: dict[str, Theme] = {
    "light": Theme("#18212b", "#5a6776", "#e1e6ed", "#ffffff"),
    "dark": Theme("#e7edf4", "#97a5b5", "#2a3441", "#161d26"),
}


def color(name: str) -> str:
    """The colour of a state or outcome; a neutral one for any other name."""
    return OUTCOME_COLORS.get(name) or {str(state): code for state, code in COLORS.items()}.get(name, PLAIN)
