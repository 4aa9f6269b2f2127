"""Imports by the module names of earlier releases find today's modules."""

import subprocess
import sys
from importlib import import_module

import pytest

from pqkit.compatibility import MOVED

OLD_NOTEBOOK = """
from pqkit.incident import advice, case, investigate, recurring, snapshot
from pqkit.lab.capacity import back_test, plan, record_of
from pqkit.lab.crash import Plan, crash
from pqkit.lab.dry import open_job
from pqkit.lab.tables import action_table, blow_table, death_table, group_table, run_table
from pqkit.tasks import ArgumentError
import pqkit.domain.tasks, pqkit.tasks
assert pqkit.tasks is pqkit.domain.tasks
"""


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_an_old_name_leads_to_its_module_and_says_so(old: str, new: str) -> None:
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} is {new} now"):
        assert import_module(old) is import_module(new)


@pytest.mark.sqlite
def test_a_notebook_of_an_earlier_release_imports_what_it_needs() -> None:
    subprocess.run([sys.executable, "-c", OLD_NOTEBOOK], check=True)
