"""The benchmark measures what it says, at a size that says nothing about speed."""

import math
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pqkit import bench
from pqkit.bench import Figure, Plan, Sample, Scale, figures, rows, run
from pqkit.bench.baseline import yardstick
from pqkit.bench.bench_workers import WorkerDied, crew
from pqkit.bench.scale import Ground
from pqkit.bench.targets import FILE, SERVER
from pqkit.db.scratch import Site, site_beside
from pqkit.domain.states import JobState
from pqkit.domain.tasks import Task
from pqkit.queries import at_rest, counts
from pqkit.queue import Queue, get_queue
from tests.conftest import a_worker
from tests.postgres import Server

TINY = Scale(jobs=60, bulk=60, seconds=0.05, threads=4, pings=4, idle=0.05, backlogs=(20, 200), finished=100, life=100)


ON_A_SERVER = ("bare", "enqueue", "alone", "latency")


@pytest.fixture
def site(empty_url: str) -> Iterator[Site]:
    with site_beside(empty_url) as site:
        yield site


def made(value: float, base: float | None = None, figure: str = "f", durability: str = "full") -> Sample:
    return Sample(figure, durability, "jobs/s", value, "" if base is None else "raw", base)


def only(found: list[Figure]) -> Figure:
    (figure,) = found
    return figure


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Sample]]:
    """One round of every scenario."""
    with site_beside(f"sqlite:///{tmp_path_factory.mktemp('bench')}/queue.db") as site:
        return {name: run(site, Plan((name,), 1, ("normal",), TINY)) for name in bench.SCENARIOS}


@pytest.fixture(scope="module")
def measured_on_a_server(server: Server) -> dict[str, list[Sample]]:
    """One round of those that are not the same there."""
    with site_beside(server.url) as site:
        return {name: run(site, Plan((name,), 1, ("full",), TINY)) for name in ON_A_SERVER}


@pytest.mark.parametrize("name", bench.SCENARIOS)
def test_every_scenario_yields_positive_numbers(measured: dict[str, list[Sample]], name: str) -> None:
    check_numbers(measured[name])


@pytest.mark.parametrize("name", ON_A_SERVER)
def test_scenarios_yield_positive_numbers_on_a_server(measured_on_a_server: dict[str, list[Sample]], name: str) -> None:
    check_numbers(measured_on_a_server[name])


def check_numbers(samples: list[Sample]) -> None:
    assert {figure.rounds for figure in figures(samples)} == {1}
    for sample in samples:
        assert math.isfinite(sample.value)
        assert sample.value > 0 or sample.figure == "idle worker, processor"
        assert sample.ratio is None or (math.isfinite(sample.ratio) and sample.ratio > 0)


def test_every_bar_is_about_a_figure_that_is_measured(measured: dict[str, list[Sample]]) -> None:
    made = {sample.figure for samples in measured.values() for sample in samples}
    assert {at_any_scale(bar.figure) for bar in FILE + SERVER} <= set(map(at_any_scale, made))
    scale = bench.WHOLE
    assert f"drain, {scale.finished:,} finished" in {bar.figure for bar in FILE}
    assert f"enqueue one, {scale.threads} threads" in {bar.figure for bar in FILE}
    assert f"drain, {max(scale.backlogs):,} pending" in {bar.figure for bar in FILE} & {bar.figure for bar in SERVER}


def at_any_scale(figure: str) -> str:
    return re.sub(r"[\d,]+ (threads|pending|finished)", r"N \1", figure)


@pytest.mark.sqlite
def test_a_slowed_down_queue_shows_a_smaller_ratio(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(("enqueue",), 3, ("normal",), TINY._replace(seconds=0.4))
    as_it_is = {figure.name: figure for figure in figures(run(site, plan))}
    enqueue = Queue.enqueue

    def slowly(*given: object, **named: object) -> object:
        time.sleep(0.5)
        return enqueue(*given, **named)

    monkeypatch.setattr(Queue, "enqueue", slowly)
    assert {figure.rounds for figure in as_it_is.values()} == {3}
    slowed = {figure.name: figure for figure in figures(run(site, plan))}
    assert slowed["enqueue one"].ratio.median < as_it_is["enqueue one"].ratio.median


def test_a_drain_completes_every_job_and_its_workers_are_the_real_ones(site: Site) -> None:
    with crew(Ground(site, "normal", TINY)) as workers:
        with workers.working(2):
            drained = workers.drain(50, math.inf)
        assert drained.jobs == counts(workers.queue.database)[JobState.COMPLETED] == 50
        assert drained.seconds > 0


@pytest.mark.sqlite
def test_a_worker_that_dies_ends_the_measurement(site: Site) -> None:
    with crew(Ground(site, "normal", TINY)) as workers, workers.working(1) as (worker,):
        worker.kill()
        with pytest.raises(WorkerDied, match=worker.name):
            workers.drain(10, math.inf)


def test_the_yardstick_finishes_every_job_once(site: Site) -> None:
    for drain in (lambda raw: raw.drain(50, 7, 60), lambda raw: raw.drain_one(50, 60)):
        _, url = site.new()
        with yardstick(url, "full") as raw:
            assert drain(raw) > 0
            states = raw._connection.execute("SELECT state, count(*) FROM item GROUP BY state")
            assert states.fetchall() == [(2, 50)]


def test_the_yardstick_on_a_server_waits_for_the_disk_where_pqkit_does(server: Server) -> None:
    with site_beside(server.url) as site:
        for durability, level in (("full", "on"), ("normal", "off")):
            place, url = site.new()
            queue = get_queue(url, durability=durability)
            with yardstick(url, durability) as raw, queue.database.read() as tx:
                for cursor in (tx.cursor, raw._connection):
                    assert cursor.execute("SHOW synchronous_commit").fetchone() == (level,)
            queue.close()
    assert not place.exists()


@pytest.mark.sqlite
def test_the_yardstick_is_the_bare_driver_at_the_same_durability(site: Site) -> None:
    for durability, level in (("full", 2), ("normal", 1)):
        place, url = site.new()
        queue = get_queue(url, durability=durability)
        with yardstick(f"{url}.raw", durability) as raw:
            ours, bare = queue.database.connection(), raw._database.connection()
            assert type(ours) is type(bare)
            for pragma in ("synchronous", "journal_mode", "cache_size", "wal_autocheckpoint"):
                settings = [connection.execute(f"PRAGMA {pragma}").fetchone() for connection in (ours, bare)]
                assert settings[0] == settings[1], pragma
            assert bare.execute("PRAGMA synchronous").fetchone() == (level,)
        queue.close()
        assert sorted(file.name for file in place.iterdir() if "raw" in file.name) == []


def test_figures_are_medians_with_their_spread_and_the_ratio_is_taken_round_by_round() -> None:
    figure = only(figures([made(10, 100), made(90, 300), made(20, 50)]))
    assert (figure.value.median, figure.value.low, figure.value.high) == (20, 10, 90)
    assert (figure.ratio.median, figure.ratio.low, figure.ratio.high) == (0.3, 0.1, 0.4)
    (row,) = rows([figure])
    assert (row["value"], row["ratio_low"], row["rounds"], row["bar"], row["verdict"]) == (20, 0.1, 3, None, "")


def test_a_figure_is_judged_by_its_bar() -> None:
    bar = next(bar for bar in FILE if bar.figure == "enqueue one" and bar.durabilities == ("full",))
    for ratio, verdict in ((bar.limit, "met"), (bar.limit * 0.99, "missed")):
        assert only(figures([made(ratio, 1.0, bar.figure)], FILE)).verdict == verdict
    bar = next(bar for bar in FILE if bar.figure == "pick-up, p50")
    for value, verdict in ((bar.limit, "met"), (bar.limit * 1.01, "missed")):
        assert only(figures([made(value, 1.0, bar.figure)], FILE)).verdict == verdict


def test_the_scratch_folder_lies_beside_the_queue_and_goes(tmp_path: Path) -> None:
    def fail(site: Site) -> None:
        site.new()
        seen.append(site.folder.parent)
        raise KeyboardInterrupt

    seen: list[Path] = []
    with pytest.raises(KeyboardInterrupt), site_beside(f"sqlite:///{tmp_path}/not/there/queue.db") as site:
        fail(site)
    assert seen == [tmp_path]
    assert not list(tmp_path.iterdir())


def test_a_queue_at_rest_has_nothing_to_run(queue: Queue, add: Task[..., int]) -> None:
    assert at_rest(queue.database)
    queue.enqueue(add, {"a": 1}, delay=600)
    assert at_rest(queue.database)
    job = queue.enqueue(add, {"a": 1})
    assert not at_rest(queue.database)
    worker = a_worker(queue)
    worker.exchange([], 1, alone=True)
    assert not at_rest(queue.database)
    assert job.state is JobState.PROCESSING
