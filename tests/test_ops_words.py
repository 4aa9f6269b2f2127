"""What the ops console says of backups, processes and small numbers, in words."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pqkit.backup.backup_folder import name_for
from pqkit.cli.dashboards import load
from pqkit.queries.forecasts import Outlook
from pqkit.settings import settings
from pqkit.supervise import Process

load(Path(__file__).parent.parent / "dashboards")

from dashboards.ops.broadcast import brief  # noqa: E402
from dashboards.ops.html import away_words, health_card, score  # noqa: E402
from dashboards.poller import last_backup  # noqa: E402 - a folder that becomes a package by load()
from dashboards.queue_snapshot import Snapshot  # noqa: E402

HOUR = 3_600.0


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (None, "none yet in"),
        (3, "begun 3 h 0 min ago, 7 MB, verified when it was made"),
        (60, "begun 2 d ago, 7 MB, verified when it was made; one is wanted every 24 h"),
    ],
)
def test_the_health_card_tells_of_the_last_good_backup(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hours: float | None, words: str
) -> None:
    monkeypatch.setenv("PQKIT_BACKUPS", str(tmp_path))
    (tmp_path / f".{name_for(time.time())}.part").touch()  # one that is not whole has no name yet
    if hours is not None:
        for older in (0, 24):
            made = tmp_path / name_for(time.time() - (hours + older) * HOUR - 1)
            made.touch()
            os.truncate(made, 7_000_000)
    card = health_card(Snapshot(backup=last_backup()))
    assert words in card
    assert ("class='warn'" in card) == (hours != 3)


def test_the_health_card_says_where_no_backups_are_wanted() -> None:
    assert last_backup() is None
    assert "none by schedule: the setting PQKIT_BACKUPS names no folder" in health_card(Snapshot())


def test_the_health_card_counts_processes_by_their_state() -> None:
    processes = (Process("ops", "ops", "running", 5, 1.0), Process("worker_00", "worker", "fatal", None, 0.0))
    card = health_card(Snapshot(processes=processes))
    assert "1 fatal: worker_00; 1 running: ops" in card
    assert "pqkit up does not run here" in health_card(Snapshot())


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (7.3e-07, "<0.0001"), (0.0123, "0.012"), (1234.56, "1,235"), (2_340_000, "2.34M")]
)
def test_a_number_of_any_size_fits_above_a_chart(value: float, shown: str) -> None:
    assert brief(value) == shown


def test_a_database_that_is_away_is_told_of_without_the_place_that_its_own_words_name() -> None:
    words = "unable to open /srv/ours/queue.db\n\tIs the server running?"
    told = away_words(Snapshot(at=1, away=words, away_since=1))
    assert "pqkit doctor" in told
    assert "The numbers below are from" in told
    assert "/srv" not in told


@pytest.mark.parametrize(
    ("judged", "rate", "words"),
    [(0, None, "no forecast judged yet"), (3, 2 / 3, "2 of 3 drain"), (40, 0.5, "50% of 40 drain")],
)
def test_a_share_is_said_of_many_forecasts_and_a_number_of_few(judged: int, rate: float | None, words: str) -> None:
    assert score(Outlook([], judged, rate)).startswith(words)
