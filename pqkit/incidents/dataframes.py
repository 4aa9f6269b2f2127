"""Incidents as DataFrames for charts. It needs pandas, so no worker imports it."""

from collections.abc import Sequence

import pandas as pd

from pqkit.charts import frame
from pqkit.incidents.investigation import Death, Group
from pqkit.queries.time_range import ActionView


def action_table(actions: Sequence[ActionView]) -> pd.DataFrame:
    """A row for each operator action, for ``charts.marks``."""
    table = frame(actions, ActionView, "at")
    return table.assign(job=table["job"].astype("Int64"))


def group_table(groups: Sequence[Group]) -> pd.DataFrame:
    """A row for each group of similar failures."""
    return frame(groups, Group, "first_seen", "last_seen").drop(columns=["example", "waiting"])


def death_table(deaths: Sequence[Death]) -> pd.DataFrame:
    """A row for each worker that died."""
    return frame(deaths, Death, "at")
