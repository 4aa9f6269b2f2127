"""Results as DataFrames for charts.

They need pandas, so this module is for notebooks, and no worker imports it.
"""

from collections.abc import Sequence

import pandas as pd

from pqkit.charts import frame
from pqkit.lab.harness.timeline import Blow
from pqkit.queries.time_range import RunView

RUN_TIMES = ("due_at", "claimed_at", "started_at", "ended_at", "next_at")


def run_table(runs: Sequence[RunView]) -> pd.DataFrame:
    """A row for each run: ``began`` and ``ended``, and ``waited`` and ``ran`` in seconds."""
    table = frame(runs, RunView, *RUN_TIMES)
    began = table["started_at"].fillna(table["claimed_at"])
    table = table.assign(began=began, ended=table["ended_at"], worker=table["worker"].fillna("unknown"))
    waited, ran = table["began"] - table["due_at"], table["ended"] - table["began"]
    return table.assign(waited=waited.dt.total_seconds(), ran=ran.dt.total_seconds())


def blow_table(blows: Sequence[Blow]) -> pd.DataFrame:
    """A row for each injected fault, for ``charts.marks``."""
    return frame(blows, Blow, "at")
