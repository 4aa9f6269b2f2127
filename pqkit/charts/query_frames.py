"""Query results as DataFrames, with times that a chart can show."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd


def frame(rows: Sequence[Any], kind: type[Any], *times: str) -> pd.DataFrame:
    """A DataFrame of NamedTuple rows; ``times`` (microseconds UTC) pass through ``local``."""
    table = pd.DataFrame(rows, columns=list(kind._fields))
    return table.assign(**{name: local(table[name]) for name in times})


def local(microseconds: "pd.Series[Any]") -> "pd.Series[Any]":
    """Stored times in this machine's time zone, as naive values: Bokeh converts no time zones."""
    here = datetime.now(UTC).astimezone().tzinfo
    return pd.to_datetime(microseconds, unit="us", utc=True).dt.tz_convert(here).dt.tz_localize(None)
