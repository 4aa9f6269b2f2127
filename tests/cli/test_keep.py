"""Keeping a queue on the command line: prune, archive, back up, restore, copy, drill."""

import json
from pathlib import Path
from typing import Any

import pytest

from pqkit import Queue
from pqkit.queries.history import audit
from pqkit.queue import Leases
from tests.test_retention import ended

pytestmark = pytest.mark.usefixtures("add")


def test_an_archive_that_cannot_be_written_keeps_the_jobs(pqkit: Any, queue: Queue, add: Any, worker: Leases) -> None:
    ended(queue, add, worker, 1)
    Path("full").write_text("not a folder")
    refused = pqkit("db", "archive", "full", "--older-than", "0s", "--yes")
    assert refused.is_one_clear_line, refused
    assert audit(queue.database).jobs == 1


def test_the_command_shows_what_it_will_prune_and_asks(pqkit: Any, queue: Queue, add: Any, worker: Leases) -> None:
    ended(queue, add, worker, 3)
    assert pqkit("db", "prune").out == "nothing to prune\n", "the settings keep it for a week"
    asked = pqkit("db", "prune", "--older-than", "0s")
    assert asked.code == 2
    assert "completed" in asked.err
    assert audit(queue.database).jobs == 3
    assert "have not ended" in pqkit("db", "prune", "--state", "pending").err
    assert pqkit("db", "prune", "--older-than", "0s", "--queue", "other").out == "nothing to prune\n"
    assert pqkit("db", "archive", "old", "--older-than", "0s", "--yes").out == "pruned 3 jobs, archived in old\n"
    shown = pqkit("audit", "--archive", "old")
    assert shown.code == 0
    assert "3 jobs pruned under seal, 3 of them read from the archive" in shown.out
    found = json.loads(pqkit("audit", "--json").out)
    assert (found["pruned"], found["archived"], found["clean"]) == (3, 0, True)
