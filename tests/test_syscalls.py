"""System calls that fail: whatever was acknowledged is there afterwards, and a healthy worker finishes the rest."""

import shutil
from pathlib import Path

import pytest

from pqkit.db import connect
from pqkit.db.schema import ensure
from pqkit.lab import Scratch
from pqkit.lab.experiments.syscalls import lost, syscalls


@pytest.mark.sqlite
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_failing_writes_lose_nothing_that_was_acknowledged(place: Scratch) -> None:
    result = syscalls(place, most=2)
    assert result.passed, result.findings


def test_a_lost_acknowledgement_is_found(tmp_path: Path) -> None:
    database = connect(f"sqlite:///{tmp_path / 'queue.db'}")
    ensure(database)
    assert lost(database, {1}, set()) == ["job 1 was acknowledged and is not there"]
    database.close()
