"""The tables' name of an earlier release, for notebooks that users have copied; it goes with the next one."""

from pqkit.incidents.dataframes import action_table, death_table, group_table
from pqkit.lab.harness.result_frames import blow_table, run_table

__all__ = ["action_table", "blow_table", "death_table", "group_table", "run_table"]
