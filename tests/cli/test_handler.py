"""``pqkit test-handler``: handlers that may run twice are told from those that may not."""

from pathlib import Path
from typing import Any

import pytest

from pqkit.cleanup.file_stamps import STAMP
from tests import rehearsed
from tests.fleet import REPO

pytestmark = pytest.mark.sqlite
assert rehearsed  # its tasks are registered before the tests begin
FILE = ("--arg", "name=a.txt")


@pytest.fixture(autouse=True)
def tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPO))


def rehearse(pqkit: Any, name: str, *more: object, tasks: str = "tests.rehearsed") -> Any:
    done = pqkit("test-handler", name, "--tasks", tasks, *more, "--json")
    assert done.code in {0, 1}, done
    assert bool(done.json["differences"]) is bool(done.code)
    return done.json


@pytest.mark.parametrize(
    ("name", "more", "compared"),
    [
        ("replace", FILE, "all that it leaves"),
        ("in_session", (), "all that it leaves"),
        ("follow_up_once", (), "all that it leaves"),
        ("asleep", FILE, "all that it leaves"),
        ("stamp", FILE, "all that it leaves but numbers, which differ by themselves"),
    ],
)
def test_a_handler_that_may_run_twice_leaves_the_same_each_time(
    pqkit: Any, tmp_path: Path, name: str, more: tuple[str, ...], compared: str
) -> None:
    found = rehearse(pqkit, f"rehearsed.{name}", *more)
    assert found["differences"] == []
    assert found["steps"] == found["killed"] > 1
    assert found["compared"] == compared
    assert not (tmp_path / "a.txt").exists(), "it ran elsewhere"


@pytest.mark.parametrize(
    ("name", "more", "what"),
    [
        ("append", FILE, "file a.txt"),
        ("half", FILE, "file a.txt"),
        ("count", FILE, "file total"),
        ("follow_up", (), "jobs it queued"),
    ],
)
def test_a_handler_that_may_not_is_seen_with_what_it_leaves(
    pqkit: Any, name: str, more: tuple[str, ...], what: str
) -> None:
    shown = pqkit("test-handler", f"rehearsed.{name}", "--tasks", "tests.rehearsed", *more)
    assert shown.code == 1, shown
    assert f"rehearsed.{name} is not idempotent" in shown.out
    assert f"  {what}:" in shown.out


def test_the_demo_s_handler_may_run_twice(pqkit: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "files"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("text\n")
    found = rehearse(pqkit, "stamp_file", *FILE, tasks="pqkit.demo.tasks")
    assert found["differences"] == []
    assert STAMP.match((folder / "a.txt").read_bytes()) is None, "it worked on copies"


def test_no_more_steps_are_killed_than_asked_for(pqkit: Any) -> None:
    found = rehearse(pqkit, "rehearsed.half", *FILE, "--most", "3")
    assert (found["killed"], found["steps"] > 3) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nosuch",), "there is no task 'nosuch'"),
        (("rehearsed.append",), "argument 'name'"),
        (("rehearsed.append", *FILE, "--folder", "nowhere"), "is not a folder"),
        (("rehearsed.broken",), "does not complete by itself"),
    ],
)
def test_what_cannot_be_rehearsed_is_one_clear_line(pqkit: Any, arguments: tuple[str, ...], said: str) -> None:
    refused = pqkit("test-handler", *arguments, "--tasks", "tests.rehearsed")
    assert refused.is_one_clear_line, refused
    assert said in refused.err
