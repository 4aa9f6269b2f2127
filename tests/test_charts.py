"""Charts: from a DataFrame to an element, every state and outcome in one colour, nothing said by colour alone."""

from itertools import combinations
from typing import Any, NamedTuple

import pytest

hv = pytest.importorskip("holoviews")
import pandas as pd  # noqa: E402

from pqkit import charts  # noqa: E402
from pqkit.charts.line_charts import DEPTH, FAILURES, SLOTS, THROUGHPUT, quantile_series  # noqa: E402
from pqkit.domain.durations import SECOND  # noqa: E402
from pqkit.domain.states import JobState  # noqa: E402

TIMES = pd.date_range("2026-11-24 12:00", periods=4, freq="1s")


def a_table(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({"at": TIMES, **{name: [1.0, 2.0, 4.0, 3.0] for name in columns}})


def drawn_columns(element: Any) -> set[str]:
    return {renderer.glyph.y for renderer in charts.figure(element).renderers}


@pytest.mark.parametrize("series", [THROUGHPUT, FAILURES, DEPTH, SLOTS, quantile_series("wait")])
def test_the_lines_of_a_chart_differ_in_their_dashes_too(series: Any) -> None:
    assert len({each.dash for each in series}) == len(series)


@pytest.mark.parametrize(
    ("draw", "columns"),
    [
        (charts.throughput, {"completed", "enqueued"}),
        (charts.failures, {"failed", "timed_out", "crashed"}),
        (charts.depth, {"pending", "processing", "retrying", "scheduled"}),
        (charts.oldest, {"oldest"}),
        (charts.slots, {"busy", "slots"}),
        (lambda table: charts.quantiles(table, "run"), {"run_p50", "run_p95", "run_p99"}),
    ],
)
def test_a_chart_draws_the_columns_that_its_table_has(draw: Any, columns: set[str]) -> None:
    assert drawn_columns(draw(a_table(*columns))) == columns
    fewer = columns - {min(columns)}
    if fewer:
        assert drawn_columns(draw(a_table(*fewer))) == fewer


def luminance(code: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", charts.THEMES)
def test_every_colour_stands_out_from_its_ground(theme: str) -> None:
    ground = charts.THEMES[theme].ground
    for code in {*charts.COLORS.values(), *charts.OUTCOME_COLORS.values()}:
        assert contrast(code, ground) >= 3, code
    assert contrast(charts.THEMES[theme].muted, ground) >= 4.5


def test_no_two_states_share_a_colour_and_outcomes_agree_with_them() -> None:
    assert set(charts.COLORS) == set(JobState)
    assert all(one != other for one, other in combinations(charts.COLORS.values(), 2))
    assert charts.color("completed") == charts.COLORS[JobState.COMPLETED]
    assert charts.color("failed") == charts.COLORS[JobState.FAILED]


class Point(NamedTuple):
    at: int
    pending: int


def test_rows_become_a_frame_in_local_time() -> None:
    table = charts.frame([Point(0, 3), Point(SECOND, 4)], Point, "at")
    assert list(table["pending"]) == [3, 4]
    assert (table["at"].iloc[1] - table["at"].iloc[0]).total_seconds() == 1
    assert charts.frame([], Point, "at").empty


def attempts() -> pd.DataFrame:
    rows = [("w1", 0, 2, "completed"), ("w1", 1, 3, "failed"), ("w1", 2, 4, "completed"), ("w2", 0, 4, "running")]
    table = pd.DataFrame(rows, columns=["worker", "began", "ended", "outcome"])
    times = {name: pd.to_datetime(table[name], unit="s") for name in ("began", "ended")}
    return table.assign(job=range(4), task="add", **times)


def test_runs_at_the_same_time_stand_above_each_other_in_their_workers_lane() -> None:
    placed = charts.timeline(attempts()).get(0).data
    first, second, third, other = placed.sort_values("job").itertuples()
    assert first.top <= second.bottom
    assert third.bottom == first.bottom
    assert other.lane != first.lane
    assert charts.figure(charts.timeline(attempts())).renderers


def test_a_distribution_counts_every_duration() -> None:
    bars = charts.distribution([0.0, 0.001, 0.01, 0.01, 5.0])
    assert bars.dimension_values("jobs").sum() == 5
    assert charts.distribution([]).dimension_values("jobs").sum() == 0


def test_a_ramp_shows_what_was_reached_beside_all_of_it() -> None:
    ramp = charts.ramp(pd.DataFrame({"offered": [200.0, 100.0], "reached": [150.0, 100.0]}))
    assert list(ramp.get(0).dimension_values(1)) == [100, 200]
    assert list(ramp.get(1).dimension_values(1)) == [100, 150]


def test_pauses_and_marks_are_laid_over_lines() -> None:
    spans = pd.DataFrame({"since": TIMES[:1], "until": TIMES[1:2]})
    element = charts.depth(a_table("pending")) * charts.paused(spans) * charts.marks(pd.DataFrame({"at": TIMES}))
    assert len(charts.figure(element).renderers) >= 2
