"""Alias of an earlier release's module, for copied notebooks; the next release removes it."""

from pqkit.incidents.dataframes import action_table, death_table, group_table
from pqkit.lab.harness.result_frames import blow_table, run_table

__all__ = ["action_table", "blow_table", "death_table", "group_table", "run_table"]
