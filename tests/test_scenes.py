"""The views of the ops console: one poll serves all, one that fails stops no other, and no visitor makes many."""

import json
from typing import Any

import panel as pn
import pytest

from dashboards.ops import broadcast
from dashboards.ops import page as ops
from dashboards.ops.broadcast import MOST_SCENES, Stage
from dashboards.ops.page import HURRY_EVERY, Ops
from dashboards.ops.series import Series, View
from dashboards.poller import Feed
from pqkit.errors import DatabaseUnavailable
from pqkit.queue import Queue

WELL, ILL = View(queue="well"), View(queue="ill")


@pytest.fixture
def feed(queue: Queue) -> Feed:
    return Feed(lambda: queue)


def fails(monkeypatch: pytest.MonkeyPatch, error: Exception) -> list[Exception]:
    """From now on the view ILL cannot be made, as long as the list has something in it."""
    whole, left = Series.refresh, [error]

    def refresh(self: Series, queue: Queue) -> Any:
        if self.view == ILL and left:
            raise left[0]
        return whole(self, queue)

    monkeypatch.setattr(Series, "refresh", refresh)
    return left


def said(stage: Stage, view: View) -> str:
    return str(json.loads(stage.scene(view).full())["blocks"]["away"])


@pytest.mark.parametrize("error", [ValueError("in /home/ada/queue.db"), DatabaseUnavailable("/home/ada/queue.db")])
def test_a_view_that_fails_says_so_and_the_others_go_on(
    feed: Feed, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    stage = Stage(feed)
    feed.look()
    left = fails(monkeypatch, error)
    versions = {view: stage.scene(view).version for view in (ILL, WELL)}
    feed.look()
    assert feed.latest.away is None, "the database was read"
    assert all(stage.scene(view).version == version + 1 for view, version in versions.items())
    assert "this view cannot be renewed" in said(stage, ILL)
    assert "/home" not in said(stage, ILL)
    assert said(stage, WELL) == ""
    left.clear()
    feed.look()
    assert said(stage, ILL) == ""


def test_a_view_that_fails_is_one_line_of_the_log(
    feed: Feed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(feed)
    feed.look()
    fails(monkeypatch, ValueError("odd"))
    stage.scene(ILL)
    for _ in range(5):
        feed.look()
    assert capsys.readouterr().out.count("a view cannot be shown") == 1


def test_a_listener_that_fails_is_no_fault_of_the_database(feed: Feed, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[int] = []

    def fail(*_: object) -> None:
        raise ValueError("odd")

    feed.listeners += [fail, lambda _, seen: told.append(seen.version)]
    feed.look()
    feed.look()
    assert told == [1, 2]
    assert feed.latest.away is None
    assert capsys.readouterr().out.count("the pages cannot be renewed") == 1


def test_a_database_that_is_away_is_said_on_every_view(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed(lambda: queue)
    stage = Stage(feed)
    feed.look()
    stage.scene(WELL)

    def away(*_: object) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(feed, "_ask", away)
    feed.look()
    assert feed.latest.away == "gone"
    assert "The database cannot be read" in said(stage, WELL)


def test_one_visitor_makes_only_so_many_views_and_the_least_wanted_goes(feed: Feed) -> None:
    stage = Stage(feed)
    first = stage.scene(View(queue="0"))
    kept = stage.scene(View(queue="kept"))
    for number in range(1, 2 * MOST_SCENES):
        assert stage.scene(View(queue="kept")) is kept
        stage.scene(View(queue=str(number)))
        assert len(stage._scenes) <= MOST_SCENES
    assert stage.scene(View(queue="0")) is not first


def test_many_changes_in_a_moment_hurry_the_page_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Document:
        hurried = 0

        def add_next_tick_callback(self, _: object) -> None:
            self.hurried += 1

    document, now = Document(), [100.0]
    monkeypatch.setattr(ops.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(type(pn.state), "curdoc", document)
    page = object.__new__(Ops)
    page._hurried = -HURRY_EVERY
    for _ in range(40):
        page._update_soon()
    assert document.hurried == 1
    now[0] += HURRY_EVERY
    page._update_soon()
    assert document.hurried == 2


def test_the_bounds_are_those_that_the_documents_name() -> None:
    assert (broadcast.MOST_SCENES, ops.HURRY_EVERY) == (32, 0.5)
