"""The ops page may be open to anybody: what strangers do there is bounded and on record, by hand-made messages too.

A button is reached over the page's websocket by whoever speaks its protocol, as often as a sender likes. So the tests
ask what many clicks at once leave in the database.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import Locator

from dashboards.ops import investigate, try_it
from dashboards.ops.page import MOST_BYTES
from dashboards.rate_limit import Throttle
from pqkit import queries
from pqkit.domain.states import JobState
from pqkit.errors import Refused
from pqkit.queries import Filter, Trace, trail
from pqkit.queue import Queue
from tests.browser import find_chromium
from tests.consoles import Browser, Consoles, Visit, browser_for
from tests.verbs import claim_one, complete, sql

SPAN: dict[str, Any] = {"start": "2026-01-01T00:00:00+00:00", "end": "2026-01-01T01:00:00+00:00", "queue": None}
CLICKS = 40


@pytest.fixture(autouse=True)
def a_new_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a console that has just been started."""
    monkeypatch.setattr(try_it, "hand", try_it.Hand())


def rows(queue: Queue, text: str) -> int:
    ((count,),) = sql(queue, f"SELECT count(*) FROM {text}")
    return int(count)


def at_once(act: Any, times: int) -> list[Any]:
    """What that many sessions get who do it at the same moment."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: act(), range(times)))


def test_of_many_who_ask_for_a_look_into_a_span_one_job_is_open(queue: Queue) -> None:
    asked = at_once(lambda: investigate.ask(queue, SPAN), CLICKS)
    assert len({job.id for job in asked}) == 1
    assert [job.existing for job in asked].count(False) == 1
    worker = queue.leases("w", 1, [investigate.TASK])
    worker.register()
    running = claim_one(worker)
    assert investigate.ask(queue, SPAN).id == running.job_id, "it is open while it runs, too"
    assert len(trail(queue.database, Trace(verb="enqueue"))) == 1, "a click that starts nothing leaves no row"
    complete(worker, queue, running)
    with pytest.raises(Refused, match="one a minute"):
        investigate.ask(queue, SPAN)


def end_all(queue: Queue) -> None:
    queue.operator().cancel(queries.ids(queue.database, Filter(states=(JobState.PENDING,)), 10))


def test_a_stranger_starts_one_after_another_only_a_few_times_a_day(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [queue.database.now()]
    monkeypatch.setattr(queue.database, "now", lambda: at[0])
    monkeypatch.setattr(investigate, "PER_DAY", 3)
    for _ in range(3):
        assert not investigate.ask(queue, SPAN).existing
        end_all(queue)
        at[0] += investigate.REST - 1
        with pytest.raises(Refused):
            investigate.ask(queue, SPAN)
        at[0] += 1
    with pytest.raises(Refused, match="3 a day"):
        investigate.ask(queue, SPAN)
    assert not investigate.ask(queue, SPAN, "vera").existing, "somebody with a name has bounds of their own"
    end_all(queue)
    at[0] += investigate.DAY
    assert not investigate.ask(queue, SPAN).existing


def test_whoever_is_logged_in_is_on_record_by_name(queue: Queue) -> None:
    job = investigate.ask(queue, SPAN, "vera")
    (entry,) = trail(queue.database, Trace(job_id=job.id))
    assert (entry.who, entry.verb) == ("vera", "enqueue")


def test_whoever_asks_for_it_is_on_record_as_nobody_who_logged_in(queue: Queue) -> None:
    job = investigate.ask(queue, SPAN)
    (entry,) = trail(queue.database, Trace(job_id=job.id))
    assert (entry.who, entry.verb) == ("anonymous of the ops console", "enqueue")


def test_jobs_tried_by_hand_leave_one_row_in_the_registry(queue: Queue) -> None:
    for number in range(5):
        try_it.enqueue(queue, str(number))
        assert f'"{number}"' in try_it.dequeue(queue)
    assert rows(queue, "worker") == 1
    assert rows(queue, "worker WHERE ended_at IS NULL") == 0
    assert queries.workers(queue.database) == []
    assert queries.counts(queue.database)["completed"] == 5


def test_trying_where_nothing_waits_writes_nothing(queue: Queue) -> None:
    assert all("nothing waits" in said for said in at_once(lambda: try_it.dequeue(queue), CLICKS))
    assert rows(queue, "worker") == 0


def test_many_who_try_at_once_get_each_job_once(queue: Queue) -> None:
    for number in range(20):
        try_it.enqueue(queue, str(number))
    said = at_once(lambda: try_it.dequeue(queue), CLICKS)
    assert sum("came out with" in each for each in said) == 20
    assert len({each.partition("job ")[2] for each in said if "came out" in each}) == 20
    assert rows(queue, "worker") == 1


def test_a_row_that_was_pruned_meanwhile_is_made_anew(queue: Queue) -> None:
    try_it.enqueue(queue, "one")
    try_it.dequeue(queue)
    sql(queue, "DELETE FROM worker")
    try_it.enqueue(queue, "two")
    assert "two" in try_it.dequeue(queue)
    assert rows(queue, "worker") == 1


def test_many_who_fill_the_scratch_queue_at_once_find_it_full(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(try_it, "MOST_WAITING", 10)
    said = at_once(lambda: try_it.enqueue(queue, "x"), CLICKS)
    assert sum("is on disk" in each for each in said) == 10
    assert len(queries.ids(queue.database, Filter(queue=try_it.QUEUE), 100)) == 10


def test_the_scratch_queue_is_full_of_ended_jobs_too(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(try_it, "MOST_ON_RECORD", 3)
    for _ in range(3):
        try_it.enqueue(queue, "x")
        try_it.dequeue(queue)
    assert "are on record already" in try_it.enqueue(queue, "x")


def test_a_throttle_lets_through_so_many_in_a_time_and_says_how_long_the_next_one_waits() -> None:
    throttle = Throttle(3, 60.0)
    assert [throttle.wait(now) for now in (0.0, 1.0, 2.0)] == [0.0, 0.0, 0.0]
    assert throttle.wait(10.0) == 50.0
    assert throttle.wait(60.0) == 0.0
    assert throttle.wait(60.5) == 0.5


def test_a_throttle_is_for_all_who_come_at_once_together() -> None:
    throttle = Throttle(5, 60.0)
    assert at_once(lambda: throttle.wait(1.0), CLICKS).count(0.0) == 5


@pytest.fixture(scope="module")
def consoles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consoles]:
    consoles = Consoles(tmp_path_factory.mktemp("consoles"))
    consoles.queue.leases("a worker", 1, [investigate.TASK]).register()
    yield consoles
    consoles.close()


@pytest.fixture
def ops(consoles: Consoles) -> Iterator[Visit]:
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium: tests/browser.py says where one is looked for")
    with browser_for(consoles, chromium) as browser:
        yield Browser.console(browser, "ops")


def press_often(button: Locator) -> None:
    """So fast as no person does; each click is a message of its own."""
    button.evaluate(f"it => {{ for (let turn = 0; turn < {CLICKS}; turn++) it.click() }}")


SAY_LONG = """words => {
    for (const model of Bokeh.documents[0]._all_models.values())
        if (model.data?.label === "Text") model.data.setv({value: words})
}"""


@pytest.mark.browser
def test_a_flood_of_clicks_starts_one_investigation_and_no_crowd_of_workers(consoles: Consoles, ops: Visit) -> None:
    queue, page = consoles.queue, ops.page
    ops.shows("a worker")
    press_often(page.get_by_role("button", name="Investigate", exact=True))
    ops.shows("too often")
    assert rows(queue, "job WHERE queue = 'incidents'") == 1
    assert {entry.who for entry in trail(queue.database, Trace(verb="enqueue"))} == {investigate.WHO}
    page.evaluate(SAY_LONG, "x" * (MOST_BYTES // 2))
    for button in ("Enqueue one", "Dequeue one"):
        press_often(page.get_by_role("button", name=button, exact=True))
    ops.shows("It was tried too often")
    tried = "job WHERE queue = 'try-it'"
    assert 0 < rows(queue, tried) <= CLICKS
    assert rows(queue, f"{tried} AND length(args) > 200") > 0, "the long words did arrive"
    assert rows(queue, "worker WHERE name = 'ops console'") == 1
    assert rows(queue, f"{tried} AND length(args) > 300") == 0
