"""Fixtures that all tests share."""

import os
import shutil
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from pqkit.domain.tasks import Task, registry, task
from pqkit.lab import Scratch
from pqkit.queue import Leases, Queue, get_queue
from tests import cost
from tests.fleet import Fleet, fleet_of
from tests.postgres import Server, running_server
from tests.support import PATIENCE
from tests.verbs import set_lease_clock

PYTHON = sys.executable


FAILED = pytest.StashKey[bool]()

# The same examples each time, however slow the machine: --hypothesis-profile=default tries new ones.
slow_but_sure = hypothesis_settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.register_profile("slow but sure", slow_but_sure)
hypothesis_settings.load_profile("slow but sure")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so it is in a shell's background, and for all that is started
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI everything that a test needs is there, so a skipped test is a failure."""
    report = yield  # changed here and not in logreport, where the session may have counted it already
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, and quick tests are marked. nbval waits five seconds for a cell's outputs, which is
    not long on every machine."""
    items.sort(key=cost.order)
    for item in items:
        if cost.is_quick(item):
            item.add_marker("quick")
        if hasattr(item.parent, "output_timeout"):
            item.parent.output_timeout = PATIENCE


def has_failed(item: pytest.Item) -> bool:
    """For a fixture at its end: whether the test has failed by then."""
    return item.stash.get(FAILED, False)


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own PQKIT_ variables do not reach the tests."""
    for name in [name for name in os.environ if name.startswith("PQKIT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def registry_as_it_was() -> Iterator[None]:
    """Tasks that a test declares are gone after it."""
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with a database runs on both, unless it is marked to be about one of them."""
    if "kind" in metafunc.fixturenames:
        kinds = ["sqlite", "postgresql"]
        marked = [kind for kind in kinds if metafunc.definition.get_closest_marker(kind)]
        metafunc.parametrize("kind", marked or kinds, indirect=True)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on."""
    return str(request.param)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real PostgreSQL, started with the first test that needs it."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a SQLite database that has pqkit's tables and no rows: a copy costs a tenth of the migrations."""
    folder = tmp_path_factory.mktemp("template") / "data"
    get_queue(f"sqlite:///{folder}/queue.db").close()
    return folder


@pytest.fixture
def url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of the test's own with pqkit's tables and no rows."""
    if kind == "sqlite":
        shutil.copytree(request.getfixturevalue("sqlite_template"), tmp_path / "data", dirs_exist_ok=True)
        yield f"sqlite:///{tmp_path}/data/queue.db"
    else:
        with request.getfixturevalue("server").database() as url:
            yield url


@pytest.fixture
def empty_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database without any table, or one that is not there yet."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/empty/queue.db"
    else:
        with request.getfixturevalue("server").database(template=None) as url:
            yield url


@pytest.fixture
def another_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A second database of the same kind."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/other/queue.db"
    else:
        with request.getfixturevalue("server").database() as url:
            yield url


@pytest.fixture
def queue(url: str) -> Iterator[Queue]:
    queue = get_queue(url)
    yield queue
    queue.close()


@pytest.fixture
def stopped_clocks(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the queue no time passes, however slow the machine is."""
    now = queue.database.now()
    monkeypatch.setattr(queue.database, "now", lambda: now)
    set_lease_clock(monkeypatch, queue, *queue.database.lease_clock())


@pytest.fixture
def add() -> Task[..., int]:
    """The task ``add``, which the tests' workers know."""

    @task
    def add(a: int, b: int = 2) -> int:
        return a + b

    return add


@pytest.fixture
def fleet(queue: Queue, url: str, tmp_path: Path) -> Iterator[Fleet]:
    """Real worker processes on the test's queue, ended with the test."""
    with fleet_of(queue, url, tmp_path) as fleet:
        yield fleet


@pytest.fixture
def place(url: str, tmp_path: Path) -> Scratch:
    """The folder of one of the lab's experiments, and a database for it."""
    return Scratch(tmp_path, url)


@pytest.fixture
def worker(queue: Queue) -> Leases:
    """A registered worker life that knows the task ``add`` and serves all queues."""
    return a_worker(queue)


def a_worker(queue: Queue, name: str = "w1", tasks: tuple[str, ...] = ("add",)) -> Leases:
    leases = queue.leases(name, 4, tasks)
    leases.register()
    return leases
