"""One colour for each state and outcome, the same in every chart and table, light and dark.

The hues are Okabe and Ito's, which people with any colour vision tell apart, brought to a lightness that stands out by
3:1 from a white ground and from a dark one. No chart says anything by colour alone: lines differ in their dashes too,
and carry their name.
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
# What an attempt came to, in the words of its history; the states' colours where they say the same.
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
    """A line of a chart: the column that it shows, its name for people, its colour, its dashes."""

    column: str
    label: str
    color: str
    dash: str = "solid"


class Theme(NamedTuple):
    """What of a chart changes between light and dark: words, axes, grid, and the ground of tips."""

    ink: str
    muted: str
    grid: str
    ground: str


THEMES: dict[str, Theme] = {
    "light": Theme("#18212b", "#5a6776", "#e1e6ed", "#ffffff"),
    "dark": Theme("#e7edf4", "#97a5b5", "#2a3441", "#161d26"),
}


def color(name: str) -> str:
    """The colour of a state or outcome; a plain one for other words."""
    return OUTCOME_COLORS.get(name) or {str(state): code for state, code in COLORS.items()}.get(name, PLAIN)
